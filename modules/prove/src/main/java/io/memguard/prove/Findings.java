package io.memguard.prove;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** What a search of one place has found. Not thread-safe. */
final class Findings {
    private static final int CHUNK = 1 << 20;
    private static final int SMALL = 1 << 16;

    private final CanaryMatcher matcher;
    private final Map<Key, Found> found = new LinkedHashMap<>();
    private long bytes;

    /**
     * What is counted together.
     *
     * @param protection of the memory it was in; {@link Protection#NONE} for files
     */
    private record Key(Canary canary, String encoding, Protection protection) {}

    private static final class Found {
        private final String where;
        private long windows;

        Found(String where) {
            this.where = where;
        }
    }

    /** What the kernel does with the memory of a find. */
    enum Protection {
        /** An ordinary page, or a file. */
        NONE,
        /** Never swapped, in no core dump. */
        LOCKED,
        /** No memory: what a thread had in its registers when a core dump was made. */
        REGISTERS
    }

    Findings(CanaryMatcher matcher) {
        this.matcher = matcher;
    }

    /** Searches a file, or all files of a folder; what vanishes during the search was not there. */
    Findings addFiles(Path root) throws IOException {
        var files = new ArrayList<Path>();
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                if (attributes.isRegularFile()) {
                    files.add(file);
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
                if (failure instanceof NoSuchFileException) {
                    return FileVisitResult.CONTINUE;
                }
                throw failure;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure) throws IOException {
                return failure == null ? FileVisitResult.CONTINUE : visitFileFailed(folder, failure);
            }
        });
        for (Path file : files) {
            addText(file.getFileName().toString());
            try (var in = Files.newInputStream(file)) {
                add(in, Protection.NONE, at -> file.getFileName() + " at " + at);
            } catch (NoSuchFileException e) {
                // It has vanished since.
            }
        }
        return this;
    }

    Findings addText(String text) throws IOException {
        byte[] utf8 = text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
        return add(new java.io.ByteArrayInputStream(utf8), Protection.NONE, at -> "'" + text + "'");
    }

    /** Searches a stream to its end. */
    Findings add(InputStream in, Protection protection, LongFunction<String> where) throws IOException {
        byte[] chunk = new byte[CHUNK];
        long begin = 0;
        int filled = 0;
        while (true) {
            int count = in.readNBytes(chunk, filled, CHUNK - filled);
            filled += count;
            boolean isLast = filled < CHUNK;
            int end = isLast ? filled : CHUNK - CanaryMatcher.LONGEST;
            long start = begin;
            search(chunk, end, filled, protection, start, where);
            bytes += end;
            if (isLast) {
                return this;
            }
            System.arraycopy(chunk, end, chunk, 0, filled - end);
            begin += end;
            filled -= end;
        }
    }

    /** Each half of it by a processor of its own. */
    private void search(
            byte[] chunk, int end, int filled, Protection protection, long start, LongFunction<String> where) {
        CanaryMatcher.Finds finds = (canary, encoding, from, at) -> {
            synchronized (found) {
                found.computeIfAbsent(
                                new Key(canary, encoding, protection),
                                key -> new Found("byte " + from + " of it: " + where.apply(start + at)))
                        .windows++;
            }
        };
        if (end < SMALL) {
            matcher.search(chunk, 0, end, filled, finds);
        } else {
            IntStream.of(0, end / 2)
                    .parallel()
                    .forEach(begin -> matcher.search(chunk, begin, begin == 0 ? end / 2 : end, filled, finds));
        }
    }

    /** How much was searched. */
    long bytes() {
        return bytes;
    }

    boolean has(PositiveControl control) {
        return found.keySet().stream().anyMatch(key -> key.canary().name().equals(control.canary()));
    }

    /** What is of a kind and was in such memory. */
    List<Match> of(Canary.Kind kind, Protection protection) {
        var matches = new ArrayList<Match>();
        found.forEach((key, value) -> {
            if (key.canary().kind() == kind && key.protection() == protection) {
                matches.add(new Match(key.canary().name(), key.encoding(), value.where, value.windows));
            }
        });
        return matches;
    }
}
