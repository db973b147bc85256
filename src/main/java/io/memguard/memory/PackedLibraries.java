package io.memguard.memory;

import io.memguard.os.Posix;
import io.memguard.os.UserNamespace;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;

/**
 * The libraries in the jar, unpacked into a new directory (0700, of a random name) until this is closed; closing removes
 * it, which what was loaded out of it survives.
 */
final class PackedLibraries implements AutoCloseable {
    private static final String RESOURCES = "/io/memguard/native/linux-x86_64/";
    private static final List<String> NAMES = List.of(LibraryLoader.SODIUM, LibraryLoader.CACHE);
    private static final int OTHERS_WRITE = 0002;
    private static final int STICKY = 01000;

    private final Path directory;

    private PackedLibraries(Path directory) {
        this.directory = directory;
    }

    static PackedLibraries unpack() throws IOException {
        Path parent = temporaryDirectory();
        requireSafe(parent);
        // mkdir(2) with mode 0700 fails where there is something already, a link too.
        var unpacked = new PackedLibraries(Files.createTempDirectory(parent, "memguard-"));
        try {
            if (owner(unpacked.directory) != Posix.effectiveUser()) {
                throw new IOException(unpacked.directory + " was replaced by another user");
            }
            for (String name : NAMES) {
                unpacked.write(name);
            }
            return unpacked;
        } catch (Throwable failure) {
            try {
                unpacked.close();
            } catch (IOException e) {
                failure.addSuppressed(e);
            }
            throw failure;
        }
    }

    /** Piece by piece: the heap may be smaller than a library. The CRC-32 finds damage only; SHA-256 would take 0.1 s. */
    private void write(String name) throws IOException {
        var crc = new CRC32();
        try (var in = new CheckedInputStream(open(name), crc)) {
            Files.copy(in, directory.resolve(name));
        }
        if (!HexFormat.of().toHexDigits((int) crc.getValue()).equals(recorded("CRC32SUMS", name))) {
            throw new IOException(name + " in the jar is damaged: its CRC-32 is not that of CRC32SUMS");
        }
    }

    Path directory() {
        return directory;
    }

    @Override
    public void close() throws IOException {
        for (String name : NAMES) {
            Files.deleteIfExists(directory.resolve(name));
        }
        Files.deleteIfExists(directory);
    }

    /** The SHA-256 that the build recorded, in hex: which library it is. */
    static String digest(String name) throws IOException {
        return recorded("SHA256SUMS", name);
    }

    private static String recorded(String sums, String name) throws IOException {
        return new String(read(sums), StandardCharsets.US_ASCII)
                .lines()
                .filter(line -> line.endsWith("  " + name))
                .map(line -> line.substring(0, line.indexOf(' ')))
                .findFirst()
                .orElseThrow(() -> new IOException(sums + " in the jar lacks " + name));
    }

    private static byte[] read(String name) throws IOException {
        try (InputStream in = open(name)) {
            return in.readAllBytes();
        }
    }

    private static InputStream open(String name) throws IOException {
        InputStream in = PackedLibraries.class.getResourceAsStream(RESOURCES + name);
        if (in == null) {
            throw new FileNotFoundException(name + " is not in the jar");
        }
        return in;
    }

    private static Path temporaryDirectory() throws IOException {
        String name = System.getProperty("java.io.tmpdir", "/tmp");
        try {
            return Path.of(name).toRealPath();
        } catch (NoSuchFileException e) {
            throw new IOException("there is no temporary directory " + name, e);
        }
    }

    /** Where others can rename what is not theirs, they could put their library in place of ours. */
    private static void requireSafe(Path parent) throws IOException {
        int mode = (int) Files.getAttribute(parent, "unix:mode");
        boolean renamesAreOpen = (mode & OTHERS_WRITE) != 0 && (mode & STICKY) == 0;
        int owner = owner(parent);
        if (!renamesAreOpen && owner != Posix.effectiveUser() && UserNamespace.hides(owner)) {
            throw new IOException(parent + " " + UserNamespace.hidden());
        }
        if (renamesAreOpen || (owner != 0 && owner != Posix.effectiveUser())) {
            throw new IOException("other users can replace files in " + parent);
        }
    }

    private static int owner(Path path) throws IOException {
        return (int) Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
    }

    /** Those in the jar that are not what the build recorded; takes some 0.1 s. */
    static List<String> changed() throws IOException {
        var changed = new ArrayList<String>();
        for (String name : NAMES) {
            if (!sha256(read(name)).equals(digest(name))) {
                changed.add(name);
            }
        }
        return changed;
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e); // Every Java has it.
        }
    }
}
