package io.memguard.keys.pkcs11;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.ffi.gen.pkcs11.CK_C_GetFunctionList;
import io.memguard.memory.ElfFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;

/**
 * The library of a token: loaded once in a process, never unloaded. Every call runs inside {@link #use}, so that a
 * restart of the library finds no thread in it.
 */
final class Pkcs11Module {
    private static final System.Logger LOG = System.getLogger(Pkcs11Module.class.getName());
    private static final Map<Path, Pkcs11Module> LOADED = new ConcurrentHashMap<>();
    private static final ReentrantLock LOADING = new ReentrantLock();

    private final Path file;
    private final Cryptoki functions;
    private final ReentrantLock login = new ReentrantLock();
    private final ReentrantReadWriteLock callers = new ReentrantReadWriteLock();
    private final Map<Long, SessionPool> pools = new ConcurrentHashMap<>();
    private volatile boolean shared;
    private final AtomicInteger restarts = new AtomicInteger();

    private Pkcs11Module(Path file, Cryptoki functions) {
        this.file = file;
        this.functions = functions;
    }

    /** Loads the library and initializes it, or finds it where it is loaded already. */
    static Pkcs11Module load(Path path) {
        LOADING.lock();
        try {
            Path file = path.toRealPath();
            requireUnwritable(file);
            ElfFile.require(file);
            Pkcs11Module module = LOADED.get(file);
            if (module == null) {
                module = new Pkcs11Module(file, new Cryptoki(functionList(path)));
                module.requireVersion();
                module.initialize();
                LOADED.put(file, module);
            }
            return module;
        } catch (NoSuchFileException e) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "there is no PKCS #11 module " + path + "; name another", e);
        } catch (IOException e) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "the PKCS #11 module can't be loaded: " + e.getMessage(), e);
        } catch (CkException e) {
            throw ReturnValues.failure("the PKCS #11 module " + path + " does not start", e);
        } finally {
            LOADING.unlock();
        }
    }

    /** An attacker who can change the library can read all that goes through it. */
    private static void requireUnwritable(Path file) throws IOException {
        if (Files.getPosixFilePermissions(file).contains(PosixFilePermission.OTHERS_WRITE)) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR, "everybody can change the PKCS #11 module " + file + "; chmod o-w it");
        }
    }

    private static MemorySegment functionList(Path path) {
        try (var arena = Arena.ofConfined()) {
            var symbol = SymbolLookup.libraryLookup(path, Arena.global()).find("C_GetFunctionList");
            if (symbol.isPresent()) {
                var out = arena.allocate(ValueLayout.ADDRESS);
                long rv = CK_C_GetFunctionList.invoke(symbol.get(), out);
                var list = out.get(ValueLayout.ADDRESS, 0);
                if (rv != 0) {
                    throw new CkException("C_GetFunctionList", rv);
                }
                if (list.address() != 0) {
                    return list;
                }
            }
        } catch (IllegalArgumentException e) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "the library " + path + " can't be loaded: " + e.getMessage(), e);
        }
        throw new MemGuardException(
                ErrorCode.INVALID_ARGUMENTS, path + " is no PKCS #11 module (it has no function list)");
    }

    private void requireVersion() {
        int major = functions.majorVersion();
        if (major != 2 && major != 3) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, file + " has PKCS #11 version " + major + "; this takes 2 and 3");
        }
    }

    Path file() {
        return file;
    }

    /** Held around a login, so that a wrong PIN is tried by one thread only. */
    ReentrantLock loginLock() {
        return login;
    }

    /** To be called inside {@link #use} only. */
    Cryptoki functions() {
        return functions;
    }

    /** The sessions of this process with a slot. */
    SessionPool pool(long slot) {
        return pools.computeIfAbsent(slot, number -> new SessionPool(this, number));
    }

    /** Runs calls of the library; any number of threads at once. */
    <R> R use(Supplier<R> calls) {
        callers.readLock().lock();
        try {
            return calls.get();
        } finally {
            callers.readLock().unlock();
        }
    }

    /** Idempotent: who comes second, in this process, is told so by the library, and goes on. */
    void initialize() {
        use(() -> {
            if (!functions.initialize()) {
                LOG.log(System.Logger.Level.DEBUG, "{0} was initialized already", file);
            }
            return true;
        });
    }

    /** From now on SunPKCS11 uses the library, too, and would not survive a restart of it. */
    void share() {
        shared = true;
    }

    /** How often {@link #restart} was done. */
    int restarts() {
        return restarts.get();
    }

    /**
     * Finalizes the library and initializes it again, which is what brings a reset TPM or a restarted p11-kit server back;
     * all sessions of the process end. Not where SunPKCS11 is loaded, whose sessions would never recover.
     *
     * @return whether it was done
     */
    boolean restart() {
        if (shared || SunPkcs11Bridge.isLoaded()) {
            return false;
        }
        callers.writeLock().lock();
        try {
            pools.values().forEach(SessionPool::forget);
            try {
                functions.finish();
            } catch (CkException e) {
                LOG.log(System.Logger.Level.DEBUG, "{0} does not end cleanly: {1}", file, e.getMessage());
            }
            functions.initialize();
            restarts.incrementAndGet();
            LOG.log(System.Logger.Level.DEBUG, "{0} was finalized and initialized again", file);
            return true;
        } finally {
            callers.writeLock().unlock();
        }
    }
}
