package io.memguard.crash;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.process.ChildJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What a worker did to the disk, call by call.
 *
 * @param root the directory in which everything happened
 * @param events lines of the record, each split into its fields
 * @param calls how many calls were counted
 */
record Recording(Path root, List<List<String>> events, long calls) {
    /** Runs a worker to its end. */
    static Recording make(Path work, String provider, long seed, int random) throws Exception {
        Path root = Files.createDirectory(work.resolve("recorded-" + provider)).toRealPath();
        Path log = work.resolve(provider + ".log");
        var run = run(root, log, 0, provider, seed, random);
        var recording = of(root, log);
        assertEquals(0, recording.unfinished(), run.said());
        return recording;
    }

    /**
     * How a worker ended.
     *
     * @param said what it printed
     * @param killed whether it came to the call that it was to be killed at; their number differs a little between runs
     */
    record Run(String said, boolean killed) {}

    /** Runs a worker, to its end or to a call that kills it. */
    static Run run(Path root, Path log, long kill, String provider, long seed, int random) throws Exception {
        try (var child = ChildJvm.start(
                Worker.class,
                Filetrace.environment(root, log, kill),
                List.of(directory(root).toString(), provider, Long.toString(seed), Integer.toString(random)))) {
            String said = child.rest();
            boolean killed = child.exitCode() == 137;
            assertTrue(killed ? kill > 0 : child.exitCode() == 0, said);
            return new Run(said, killed);
        }
    }

    /** Where the store is: two levels are missing at first. */
    static Path directory(Path root) {
        return root.resolve("service").resolve("secrets");
    }

    static Recording of(Path root, Path log) throws IOException {
        var events = new ArrayList<List<String>>();
        long calls = 0;
        for (String line : Files.readAllLines(log)) {
            var fields = List.of(line.split("\t", -1));
            events.add(fields);
            calls = fields.getFirst().equals("mark") ? Long.parseLong(fields.get(2)) : calls;
        }
        return new Recording(root, events, calls);
    }

    /** How many steps were finished. */
    int finished() {
        return count("done ");
    }

    /** How many steps were begun and not finished: 0 or 1. */
    int unfinished() {
        return count("begin ") - finished();
    }

    private int count(String mark) {
        return (int) events.stream()
                .filter(event -> event.getFirst().equals("mark") && event.get(1).startsWith(mark))
                .count();
    }

    /** The same without one event. */
    Recording without(int event) {
        var fewer = new ArrayList<>(events);
        fewer.remove(event);
        return new Recording(root, fewer, calls);
    }
}
