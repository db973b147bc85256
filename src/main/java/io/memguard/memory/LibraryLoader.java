package io.memguard.memory;

import io.memguard.ffi.Downcall;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Properties;

/**
 * Opens libsodium and libmemguard_ffi, once in a process: all class loaders share one mapping, and with it one process key
 * and one pool of locked memory.
 *
 * <p>{@code System.load} can't do that: it refuses the same file to a second class loader, and another copy of it would be
 * mapped again. So the files are opened by dlopen(3) itself, which returns what is mapped already when it gets the name
 * that this was opened by, even after the file was deleted. The name is kept where all class loaders see it, in a system
 * property that is called after the library's SHA-256: another version of this library gets a mapping of its own. It is
 * believed only where the kernel says that this process has mapped a file of that name.
 */
final class LibraryLoader {
    static final String SODIUM = "libsodium.so.26";
    static final String CACHE = "libmemguard_ffi.so";

    private static final int ABI_VERSION = 4;
    private static final Path MAPS = Path.of("/proc/self/maps");
    private static final String MAPPED = "memguard.native.mapped.";

    private LibraryLoader() {}

    /**
     * Opens both, from where the settings say or else from the jar.
     *
     * @throws IOException where a file is missing, damaged or of another version
     * @throws UnsatisfiedLinkError with the dynamic linker's words
     */
    static SymbolLookup open() throws IOException {
        Optional<Path> sodium = NativeSettings.sodiumLibrary();
        Optional<Path> directory = NativeSettings.directory();
        if (directory.isPresent()) {
            return open(directory.get(), sodium);
        }
        String key = MAPPED + PackedLibraries.digest(CACHE);
        Properties shared = System.getProperties();
        synchronized (shared) {
            String name = shared.getProperty(key);
            if (name != null && isMapped(name)) {
                Optional<SymbolLookup> mapped = openMapped(name);
                if (mapped.isPresent()) {
                    return mapped.get();
                }
            }
            try (var unpacked = PackedLibraries.unpack()) {
                SymbolLookup symbols = open(unpacked.directory(), sodium);
                shared.setProperty(key, unpacked.directory().resolve(CACHE).toString());
                return symbols;
            }
        }
    }

    /**
     * Whether this process has mapped a file of this name: the property may be another process's, from which this one got its
     * properties, and anybody may have put a library in the place of that name since.
     */
    private static boolean isMapped(String name) throws IOException {
        try (var maps = Files.lines(MAPS, StandardCharsets.ISO_8859_1)) {
            String end = "/" + name.substring(name.lastIndexOf('/') + 1);
            return maps.filter(line -> line.contains(end)).anyMatch(line -> {
                int path = line.indexOf('/');
                return line.substring(path).equals(name) || line.substring(path).equals(name + " (deleted)");
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /** By dlopen(3), which knows what is mapped by its name; nothing where that is no library of this version. */
    private static Optional<SymbolLookup> openMapped(String name) {
        try {
            SymbolLookup symbols = SymbolLookup.libraryLookup(name, Arena.global());
            return symbols.find("mg_abi_version")
                    .filter(function -> Downcall.callInt(function) == ABI_VERSION)
                    .map(found -> symbols);
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private static SymbolLookup open(Path directory, Optional<Path> sodium) throws IOException {
        Path cacheFile = directory.resolve(CACHE);
        Path sodiumFile = sodium.isPresent() ? sodium.get() : directory.resolve(SODIUM);
        // What turns out to be unusable is unmapped again, so that it can be fixed while this process runs.
        try (var trial = Arena.ofConfined()) {
            // First, since the other one finds it by its name in the process.
            SymbolLookup sodiumSymbols = dlopen(sodiumFile, trial);
            require(sodiumSymbols, "crypto_aead_aegis256_encrypt", sodiumFile + " is older than libsodium 1.0.19");
            SymbolLookup symbols = dlopen(cacheFile, trial);
            MemorySegment version =
                    require(symbols, "mg_abi_version", cacheFile + " lacks the functions of this version");
            requireVersion(version, cacheFile);
            if (sodium.isPresent() && !symbols.find("sodium_init").equals(sodiumSymbols.find("sodium_init"))) {
                throw new IOException(
                        sodiumFile + " is not called " + SODIUM + " inside, or the process has another one");
            }
            return SymbolLookup.libraryLookup(cacheFile.toString(), Arena.global());
        }
    }

    private static SymbolLookup dlopen(Path file, Arena arena) throws IOException {
        ElfFile.require(file);
        try {
            return SymbolLookup.libraryLookup(file.toString(), arena);
        } catch (IllegalArgumentException e) {
            System.load(file.toString()); // Throws, and says what the dynamic linker found wrong.
            throw new IOException(file + " can't be opened", e);
        }
    }

    private static MemorySegment require(SymbolLookup symbols, String function, String otherwise) throws IOException {
        return symbols.find(function).orElseThrow(() -> new IOException(otherwise));
    }

    private static void requireVersion(MemorySegment function, Path file) throws IOException {
        int version = Downcall.callInt(function);
        if (version != ABI_VERSION) {
            throw new IOException(file + " has interface " + version + ", not " + ABI_VERSION);
        }
    }
}
