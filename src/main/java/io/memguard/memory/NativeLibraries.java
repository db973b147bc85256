package io.memguard.memory;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.ffi.cache.CacheLibrary;
import io.memguard.ffi.sodium.SodiumLibrary;
import io.memguard.os.CLibrary;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Loads libsodium and libmemguard_ffi, once per class loader, from {@value #DIRECTORY_PROPERTY} or else from the jar.
 *
 * <p>What comes from the jar is extracted into a new private directory (0700) and removed again as soon as it is loaded.
 */
public final class NativeLibraries {
    /** System property: a directory that holds both libraries, for read-only or noexec systems. */
    public static final String DIRECTORY_PROPERTY = "memguard.native.directory";

    /** Loaded in this order: the second one needs the first. */
    private static final List<Library> LIBRARIES = List.of(
            new Library("libsodium.so.26", "sodium_malloc"), new Library("libmemguard_ffi.so", "mg_abi_version"));

    /** A file, and a function that it must have. */
    private record Library(String name, String function) {}

    private static final int ABI_VERSION = 1;
    private static final String RESOURCES = "/io/memguard/native/linux-x86_64/";

    private NativeLibraries() {}

    /** Why they are not loaded; null once they are. */
    private static @Nullable String failure;

    private static boolean tried;
    private static volatile boolean loaded;
    private static volatile boolean absenceAllowed;

    /** Makes sure that both libraries are loaded; else tells why not and what to do. */
    public static void require() {
        if (!isLoaded()) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR, failure().orElse("the native libraries are not loaded"));
        }
    }

    /** Whether both libraries are loaded; tries to on first use. */
    public static boolean isLoaded() {
        return loaded || tryOnce();
    }

    /** Goes on without the libraries as far as that is possible (the degraded state), in the whole process. */
    public static void allowAbsence() {
        absenceAllowed = true;
    }

    static boolean isAbsenceAllowed() {
        return absenceAllowed;
    }

    /** Why the libraries can't be used; empty where they can. */
    public static Optional<String> failure() {
        synchronized (NativeLibraries.class) {
            return isLoaded() ? Optional.empty() : Optional.ofNullable(failure);
        }
    }

    /** Whether there are libraries for this system and processor; its C library may still be another one. */
    public static boolean isSupportedPlatform() {
        return System.getProperty("os.name", "").equals("Linux")
                && System.getProperty("os.arch", "").equals("amd64");
    }

    /** The version of libmemguard_ffi's interface. */
    public static int interfaceVersion() {
        require();
        return CacheLibrary.mg_abi_version();
    }

    private static synchronized boolean tryOnce() {
        return tried ? loaded : retry();
    }

    /** Tries again after a failure: somebody may have mended it. */
    public static synchronized boolean retry() {
        if (loaded) {
            return true;
        }
        tried = true;
        String unsupported = unsupportedPlatform();
        if (unsupported != null) {
            failure = unsupported;
            return false;
        }
        try {
            load();
            requireVersion();
            loaded = true;
            failure = null;
        } catch (UnsatisfiedLinkError | IOException | UncheckedIOException e) {
            failure = advice(e);
        }
        return loaded;
    }

    private static void requireVersion() throws IOException {
        int version = CacheLibrary.mg_abi_version();
        if (version != ABI_VERSION) {
            throw new IOException("they have interface " + version + ", not " + ABI_VERSION);
        }
        if (SodiumLibrary.sodium_init() < 0) {
            throw new IOException("libsodium does not start: no source of random bytes");
        }
    }

    private static @Nullable String unsupportedPlatform() {
        if (!isSupportedPlatform()) {
            return "no native library for " + System.getProperty("os.name") + " " + System.getProperty("os.arch")
                    + "; this version runs on Linux x86_64 (amd64)";
        }
        if (!CLibrary.isGlibc()) {
            return "the C library is not glibc (musl?); run on a distribution with glibc 2.31 or later";
        }
        return null;
    }

    private static void load() throws IOException {
        String configured = System.getProperty(DIRECTORY_PROPERTY);
        if (configured != null) {
            loadFrom(Path.of(configured));
            return;
        }
        URL resource = resource(LIBRARIES.getLast().name());
        if (resource.getProtocol().equals("file")) {
            try {
                loadFrom(Path.of(resource.toURI()).resolveSibling(""));
                return;
            } catch (URISyntaxException e) {
                throw new IOException(e);
            }
        }
        Path directory = Files.createTempDirectory("memguard-");
        try {
            for (Library library : LIBRARIES) {
                String name = library.name();
                try (InputStream in = resource(name).openStream()) {
                    Files.copy(in, directory.resolve(name));
                }
            }
            loadFrom(directory);
        } finally {
            for (Library library : LIBRARIES) {
                String name = library.name();
                Files.deleteIfExists(directory.resolve(name));
            }
            Files.deleteIfExists(directory);
        }
    }

    private static void loadFrom(Path directory) throws IOException {
        for (Library library : LIBRARIES) {
            Path file = directory.resolve(library.name()).toRealPath();
            ElfFile.require(file);
            requireFunction(file, library.function());
            System.load(file.toString());
        }
    }

    /** Before System.load, which would not load the same path again after it was mended. */
    private static void requireFunction(Path file, String function) throws IOException {
        try (var arena = Arena.ofConfined()) {
            if (SymbolLookup.libraryLookup(file, arena).find(function).isEmpty()) {
                throw new IOException(file + " lacks the functions of this version");
            }
        } catch (IllegalArgumentException e) {
            System.load(file.toString()); // Throws, and says what the dynamic linker found wrong.
        }
    }

    private static URL resource(String name) throws IOException {
        URL url = NativeLibraries.class.getResource(RESOURCES + name);
        if (url == null) {
            throw new IOException(name + " is not in the jar");
        }
        return url;
    }

    private static String advice(Throwable failure) {
        String message = String.valueOf(failure.getMessage());
        String hint = message.contains("failed to map segment") || message.contains("Operation not permitted")
                ? "the temporary directory is mounted noexec: set -Djava.io.tmpdir or -D" + DIRECTORY_PROPERTY
                        + " to a directory that allows execution"
                : message.contains("GLIBC_")
                        ? "the C library is too old: glibc 2.31 or later is needed"
                        : "check the installation, or set -D" + DIRECTORY_PROPERTY + " to a directory with "
                                + LIBRARIES.getFirst().name() + " and "
                                + LIBRARIES.getLast().name();
        return "the native libraries can't be loaded ("
                + message.lines().findFirst().orElse("") + "); " + hint;
    }
}
