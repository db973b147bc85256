package io.memguard.os;

import io.memguard.ffi.gen.linux.LinuxLibrary;
import java.lang.foreign.Linker;
import java.util.Optional;

/** The C library of this process. */
public final class CLibrary {
    /** What the native libraries run on; they are linked to no later symbol. */
    public static final String SUPPORTED = "a distribution with glibc 2.31 or later (Debian 11, Ubuntu 20.04, RHEL 9)";

    private static final int OLDEST_MINOR = 31;

    private CLibrary() {}

    /** Whether the native libraries can run on it. */
    public static boolean isSupported() {
        return isSupported(glibcVersion());
    }

    /** Likewise of another version of glibc; nothing is another C library. */
    public static boolean isSupported(Optional<String> glibc) {
        return glibc.filter(version -> {
                    String[] parts = version.split("\\.", 3);
                    return Integer.parseInt(parts[0]) > 2 || Integer.parseInt(parts[1]) >= OLDEST_MINOR;
                })
                .isPresent();
    }

    /** What it is, as a part of a sentence. */
    public static String description() {
        return glibcVersion()
                .map(version -> "the C library is glibc " + version)
                .orElse("the C library is not glibc (musl?)");
    }

    /** The version of glibc, for instance 2.31; nothing where it is another C library, such as musl. */
    public static Optional<String> glibcVersion() {
        return isGlibc() ? Optional.of(LinuxLibrary.gnu_get_libc_version().getString(0)) : Optional.empty();
    }

    /** Whether it is glibc. */
    public static boolean isGlibc() {
        return Linker.nativeLinker()
                .defaultLookup()
                .find("gnu_get_libc_version")
                .isPresent();
    }
}
