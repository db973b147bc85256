package io.memguard.os;

import io.memguard.ffi.linux.LinuxLibrary;
import java.lang.foreign.Linker;
import java.util.Optional;

/** The C library of this process. */
public final class CLibrary {
    private CLibrary() {}

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
