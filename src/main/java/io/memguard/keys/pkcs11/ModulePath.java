package io.memguard.keys.pkcs11;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.os.UserFile;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Where modules are: by path, by name, and those that the machine's p11-kit knows (pkcs11.conf(5)). */
final class ModulePath {
    private static final List<Path> LIBRARIES = List.of(
            Path.of("/usr/lib/x86_64-linux-gnu/pkcs11"),
            Path.of("/usr/lib/softhsm"),
            Path.of("/usr/lib64/pkcs11"),
            Path.of("/usr/lib/pkcs11"),
            Path.of("/usr/local/lib/pkcs11"),
            Path.of("/usr/local/lib"));
    private static final List<Path> REGISTRY =
            List.of(Path.of("/etc/pkcs11/modules"), Path.of("/usr/share/p11-kit/modules"));

    private ModulePath() {}

    static Path of(Pkcs11Uri uri) {
        Optional<String> path = uri.get("module-path");
        if (path.isPresent()) {
            Path file = UserFile.path(path.get());
            if (!file.isAbsolute()) {
                throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "module-path is an absolute path");
            }
            return file;
        }
        return uri.get("module-name")
                .map(ModulePath::named)
                .orElseThrow(() -> new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS, "which library? add ?module-path=/path/to/module.so to the URI"));
    }

    private static Path named(String name) {
        if (name.contains("/")) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "module-name is a name; a path is module-path");
        }
        for (Path directory : LIBRARIES) {
            for (String file : List.of("lib" + name + ".so", name + ".so", name)) {
                if (Files.isRegularFile(directory.resolve(file))) {
                    return directory.resolve(file);
                }
            }
        }
        throw new MemGuardException(
                ErrorCode.INVALID_ARGUMENTS, "no PKCS #11 module of that name is installed; use module-path");
    }

    /** Every module that p11-kit would load on this machine, and SoftHSM, which Debian does not register; each file once. */
    static List<Path> installed() {
        return distinct(candidates());
    }

    /** Those of these that are not the same file as one before. */
    static List<Path> distinct(Collection<Path> paths) {
        var files = new LinkedHashMap<Object, Path>();
        for (Path path : paths) {
            files.putIfAbsent(identity(path), path);
        }
        return List.copyOf(files.values());
    }

    private static Object identity(Path path) {
        try {
            Object key = Files.readAttributes(path, BasicFileAttributes.class).fileKey();
            return key == null ? path.toRealPath() : key;
        } catch (IOException e) {
            return path; // What is wrong with it is told when it is loaded.
        }
    }

    private static Collection<Path> candidates() {
        var found = new TreeSet<Path>();
        for (Path directory : REGISTRY) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*.module")) {
                for (Path file : files) {
                    registered(file).ifPresent(found::add);
                }
            } catch (IOException e) {
                // No such folder, or not ours to read: nothing is registered there.
            }
        }
        for (Path directory : LIBRARIES) {
            Path softHsm = directory.resolve("libsofthsm2.so");
            if (Files.isRegularFile(softHsm)) {
                found.add(softHsm);
            }
        }
        return found;
    }

    private static Optional<Path> registered(Path file) throws IOException {
        try (Stream<String> lines = Files.lines(file)) {
            return lines.filter(line -> line.startsWith("module:"))
                    .map(line -> line.substring("module:".length()).strip())
                    .flatMap(name -> LIBRARIES.stream().map(directory -> directory.resolve(name)))
                    .filter(Files::isRegularFile)
                    .findFirst();
        }
    }
}
