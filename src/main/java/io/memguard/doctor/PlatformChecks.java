package io.memguard.doctor;

import io.memguard.memory.NativeLibraries;
import io.memguard.memory.Sodium;
import io.memguard.os.CLibrary;
import java.util.List;
import java.util.Optional;

/** What this runs on. */
final class PlatformChecks {
    private PlatformChecks() {}

    static List<Finding> all() {
        // Native access before the first native call, which would be warned of once and then count as allowed.
        return List.of(platform(), java(), nativeAccess(), glibc(CLibrary.glibcVersion()), natives(), sodium());
    }

    private static Finding platform() {
        String what = System.getProperty("os.name") + " " + System.getProperty("os.version") + " "
                + System.getProperty("os.arch");
        boolean supported = NativeLibraries.isSupportedPlatform();
        return supported
                ? Finding.ok("platform", what)
                : Finding.problem(
                        "platform", what + ": no native library for it", "run on Linux x86_64 with a 64-bit JDK");
    }

    static Finding glibc(Optional<String> version) {
        if (CLibrary.isSupported(version)) {
            return Finding.ok("c library", "glibc " + version.orElseThrow());
        }
        return Finding.problem(
                "c library",
                version.map(number -> "glibc " + number + " is too old").orElse("not glibc (musl?)"),
                "run on " + CLibrary.SUPPORTED);
    }

    private static Finding java() {
        return Finding.ok(
                "java",
                Runtime.version() + " (" + System.getProperty("java.vendor") + ") in "
                        + System.getProperty("java.home"));
    }

    private static Finding nativeAccess() {
        var module = Doctor.class.getModule();
        if (module.isNativeAccessEnabled()) {
            return Finding.ok("native access", "enabled");
        }
        return Finding.advice(
                "native access",
                "not enabled: Java 24 and later print a warning, a version to come will refuse",
                "java --enable-native-access=" + (module.isNamed() ? module.getName() : "ALL-UNNAMED") + " …");
    }

    private static Finding natives() {
        return NativeLibraries.failure()
                .map(failure -> {
                    String[] parts = failure.split("; ", 2);
                    return Finding.problem("native library", parts[0], parts.length == 2 ? parts[1] : "");
                })
                .orElseGet(() -> {
                    var changed = NativeLibraries.changedInJar();
                    return changed.isEmpty()
                            ? Finding.ok(
                                    "native library",
                                    "loaded, interface " + NativeLibraries.interfaceVersion()
                                            + ", SHA-256 as the build recorded")
                            : Finding.problem(
                                    "native library",
                                    String.join(", ", changed) + " in the jar is not what was built: another SHA-256",
                                    "take the jar from where you trust it again");
                });
    }

    private static Finding sodium() {
        return NativeLibraries.isLoaded()
                ? Finding.ok("libsodium", Sodium.version())
                : Finding.problem("libsodium", "not loaded", "fix the native libraries first");
    }
}
