package io.memguard.memory;

import java.nio.file.Path;
import java.util.Optional;

/** What an installation says about its native libraries: by system property, or else by environment variable. */
final class NativeSettings {
    static final String DIRECTORY_VARIABLE = "MEMGUARD_NATIVE_DIRECTORY";
    private static final String SODIUM_VARIABLE = "MEMGUARD_SODIUM_LIBRARY";

    private NativeSettings() {}

    /** A directory that holds the libraries; nothing is unpacked then, and no checksum compared. */
    static Optional<Path> directory() {
        return path(NativeLibraries.DIRECTORY_PROPERTY, DIRECTORY_VARIABLE);
    }

    /** A libsodium.so.26 to be used in place of the one beside libmemguard_ffi. */
    static Optional<Path> sodiumLibrary() {
        return path(NativeLibraries.SODIUM_PROPERTY, SODIUM_VARIABLE);
    }

    private static Optional<Path> path(String property, String variable) {
        String value = System.getProperty(property, System.getenv(variable));
        return value == null || value.isEmpty()
                ? Optional.empty()
                : Optional.of(Path.of(value).toAbsolutePath());
    }
}
