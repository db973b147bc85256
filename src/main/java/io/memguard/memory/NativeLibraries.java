package io.memguard.memory;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.ffi.NativeSymbols;
import io.memguard.ffi.gen.cache.CacheLibrary;
import io.memguard.ffi.gen.sodium.SodiumLibrary;
import io.memguard.os.CLibrary;
import io.memguard.os.UserNamespace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.ReadOnlyFileSystemException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Whether libsodium and libmemguard_ffi are there, and else why not; {@link LibraryLoader} finds them. */
public final class NativeLibraries {
    /**
     * System property: a directory that holds both libraries, for read-only or noexec systems. The environment variable
     * MEMGUARD_NATIVE_DIRECTORY does the same.
     */
    public static final String DIRECTORY_PROPERTY = "memguard.native.directory";

    /**
     * System property: a distribution's own libsodium.so.26 (1.0.19 or later), to be used in place of ours. The
     * environment variable MEMGUARD_SODIUM_LIBRARY does the same.
     */
    public static final String SODIUM_PROPERTY = "memguard.sodium.library";

    private NativeLibraries() {}

    /** Why they are not loaded; null once they are. */
    private static @Nullable String failure;

    private static final int LOADING = 1000; // levels of calls

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

    /** Whether {@link #allowAbsence} was called. */
    public static boolean isAbsenceAllowed() {
        return absenceAllowed;
    }

    /** Why the libraries can't be used; empty where they can. */
    public static Optional<String> failure() {
        synchronized (NativeLibraries.class) {
            return isLoaded() ? Optional.empty() : Optional.ofNullable(failure);
        }
    }

    /** Which of those in the jar have another SHA-256 than the build recorded. Loading looks for damage only. */
    public static List<String> changedInJar() {
        try {
            return PackedLibraries.changed();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
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

    /** Tries again after a failure: an administrator may have fixed it. */
    public static synchronized boolean retry() {
        if (loaded) {
            return true;
        }
        StackRoom.touch(LOADING);
        String unsupported = unsupportedPlatform();
        if (unsupported != null) {
            failure = unsupported;
            tried = true;
            return false;
        }
        try {
            NativeSymbols.use(LibraryLoader.open());
            if (SodiumLibrary.sodium_init() < 0) {
                throw new IOException("libsodium does not start: no source of random bytes");
            }
            loaded = true;
            failure = null;
        } catch (UnsatisfiedLinkError | IOException | UncheckedIOException e) {
            failure = advice(e);
        }
        tried = true; // Not where an Error came between.
        return loaded;
    }

    private static @Nullable String unsupportedPlatform() {
        if (!isSupportedPlatform()) {
            return "no native library for " + System.getProperty("os.name") + " " + System.getProperty("os.arch")
                    + "; this version runs on Linux x86_64 (amd64)";
        }
        return CLibrary.isSupported() ? null : CLibrary.description() + "; run on " + CLibrary.SUPPORTED;
    }

    private static String advice(Throwable failure) {
        String message = String.valueOf(failure.getMessage());
        String hint;
        if (failure instanceof AccessDeniedException
                || failure instanceof ReadOnlyFileSystemException
                || message.contains("failed to map segment")
                || message.contains("Operation not permitted")
                || message.contains("Read-only file system")) {
            hint = "the temporary directory is read-only or mounted noexec: " + otherDirectory();
        } else if (message.contains("user namespace")) {
            hint = UserNamespace.REMEDY;
        } else if (message.contains("can replace files")) {
            hint = "chmod +t that directory, or " + otherDirectory();
        } else if (message.contains("GLIBC_")) {
            hint = "the C library is too old: run on " + CLibrary.SUPPORTED;
        } else {
            hint = "check the installation, or set -D" + DIRECTORY_PROPERTY + " to a directory with "
                    + LibraryLoader.SODIUM + " and " + LibraryLoader.CACHE;
        }
        return "the native libraries can't be loaded ("
                + message.lines().findFirst().orElse("") + "); " + hint;
    }

    private static String otherDirectory() {
        return "set -Djava.io.tmpdir to another one, or -D" + DIRECTORY_PROPERTY + " ("
                + NativeSettings.DIRECTORY_VARIABLE + ") to one that the libraries were unpacked into";
    }
}
