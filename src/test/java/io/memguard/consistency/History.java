package io.memguard.consistency;

import io.memguard.consistency.Call.Kind;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What one thread of one process did, line by line in a file of its own, so that a kill loses none of it. */
final class History implements AutoCloseable {
    private final FileOutputStream file;

    History(Path file) throws IOException {
        this.file = new FileOutputStream(file.toFile(), true);
    }

    /** Something that is done to secrets, and what it answers for each. */
    interface Action {
        List<Long> run() throws Exception;
    }

    /** Writes down the begin, does it, writes down the answers and the end. */
    void call(Kind kind, List<String> names, List<Long> stored, Action action) throws Exception {
        write("begin\t" + kind + "\t" + String.join(",", names) + "\t" + join(stored) + "\t" + System.nanoTime());
        List<Long> answers = action.run();
        write("end\t" + join(answers) + "\t" + System.nanoTime());
    }

    private static String join(List<Long> numbers) {
        return String.join(",", numbers.stream().map(String::valueOf).toList());
    }

    /** In one write. */
    private void write(String line) {
        try {
            file.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    /**
     * Adds what a file holds to the calls on each secret.
     *
     * @param death when its process was seen dead
     */
    static void read(Path file, long death, Map<String, List<Call>> calls) throws IOException {
        String[] begin = {};
        for (String line : Files.readAllLines(file)) {
            String[] fields = line.split("\t", -1);
            if (fields[0].equals("begin")) {
                begin = fields;
            } else {
                add(begin, numbers(fields[1]), Long.parseLong(fields[2]), true, calls);
                begin = new String[0];
            }
        }
        if (begin.length > 0) {
            add(begin, numbers(begin[3]), death, false, calls);
        }
    }

    private static List<Long> numbers(String text) {
        var numbers = new ArrayList<Long>();
        for (String number : text.split(",")) {
            numbers.add(number.isEmpty() ? 0 : Long.parseLong(number));
        }
        return numbers;
    }

    private static void add(
            String[] begin, List<Long> values, long end, boolean returned, Map<String, List<Call>> calls) {
        String[] names = begin[2].split(",");
        for (int i = 0; i < names.length; i++) {
            long value = values.get(Math.min(i, values.size() - 1));
            calls.computeIfAbsent(names[i], name -> new ArrayList<>())
                    .add(new Call(Kind.valueOf(begin[1]), value, Long.parseLong(begin[4]), end, returned));
        }
    }

    static Map<String, List<Call>> empty() {
        return new HashMap<>();
    }
}
