package io.memguard.cli;

import io.memguard.MemGuardException;
import io.memguard.os.DurableFile;
import io.memguard.os.Posix;
import io.memguard.os.UserDirectory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/**
 * Direct reads of all runs of the command by one user, which are limited as those of a process are: at most five of a name of
 * a store in any 60 seconds. Kept as hashes and times in a file of a {@link UserDirectory}; where there is none, reads are not
 * limited, and a warning says so.
 */
final class DirectReads {
    private static final int READS = 5;
    private static final long WINDOW = 60_000; // ms
    private static final int HASH = 16;
    private static final int ENTRY = HASH + Long.BYTES;
    private static final long MOST = 50_000L * ENTRY;

    private DirectReads() {}

    /** One read. */
    private record Read(String of, long time) {}

    /**
     * Counts a read.
     *
     * @throws MemGuardException RATE_LIMIT_EXCEEDED where it is one too many
     */
    static void count(String store, String name) {
        for (Path directory : UserDirectory.candidates(Posix.effectiveUser())) {
            try {
                if (UserDirectory.make(directory)) {
                    count(directory.resolve("direct-reads"), hash(store + '/' + name), System.currentTimeMillis());
                    return;
                }
            } catch (IOException e) {
                // The next one.
            }
        }
        System.err.println(
                "memguard: direct reads can't be limited: no directory of this user can be written to count them");
    }

    /**
     * Counts a read of one secret in a file.
     *
     * @param of 32 hexadecimal digits
     * @param now in milliseconds
     */
    @SuppressWarnings("try") // Until the channel is closed.
    static void count(Path file, String of, long now) throws IOException {
        var options = Set.of(
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                StandardOpenOption.CREATE,
                LinkOption.NOFOLLOW_LINKS);
        try (var channel = FileChannel.open(file, options, DurableFile.OWNER_ONLY);
                var lock = channel.lock()) {
            var reads = read(channel);
            reads.removeIf(read -> read.time() > now || now - read.time() >= WINDOW);
            var same = reads.stream().filter(read -> read.of().equals(of)).toList();
            if (same.size() >= READS) {
                throw refused(WINDOW - (now - same.getFirst().time()));
            }
            reads.add(new Read(of, now));
            write(channel, reads);
        }
    }

    private static MemGuardException refused(long wait) {
        return MemGuardException.rateLimited(
                "this secret was read directly " + READS + " times within a minute; wait " + (wait + 999) / 1000
                        + " s, or read it without --direct",
                Duration.ofMillis(wait));
    }

    private static List<Read> read(FileChannel channel) throws IOException {
        var content = ByteBuffer.allocate((int) Math.min(channel.size() / ENTRY * ENTRY, MOST));
        while (content.hasRemaining() && channel.read(content) >= 0) {
            // Until it is whole.
        }
        content.flip();
        var reads = new ArrayList<Read>();
        byte[] hash = new byte[HASH];
        while (content.remaining() >= ENTRY) {
            content.get(hash);
            reads.add(new Read(HexFormat.of().formatHex(hash), content.getLong()));
        }
        return reads;
    }

    /** Killed in between, some reads of the last minute are not counted. */
    private static void write(FileChannel channel, List<Read> reads) throws IOException {
        var content = ByteBuffer.allocate(reads.size() * ENTRY);
        reads.forEach(read -> content.put(HexFormat.of().parseHex(read.of())).putLong(read.time()));
        content.flip();
        channel.truncate(0);
        long at = 0;
        while (content.hasRemaining()) {
            at += channel.write(content, at);
        }
    }

    private static String hash(String text) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(Arrays.copyOf(hash, HASH));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e); // Every JVM has it.
        }
    }
}
