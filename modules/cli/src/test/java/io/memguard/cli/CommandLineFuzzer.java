package io.memguard.cli;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.MemGuard;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import io.memguard.crash.NumberedKeys;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Arguments, one a line: an exit status that is documented, errors of one line each without a value in them, and a store
 * in which only what was named has changed. {@code %DIR%} stands for the store's directory.
 */
public final class CommandLineFuzzer {
    private static final String DIR = "%DIR%";
    private static final int CLOSED = 74;
    private static final Set<Integer> STATUSES = Set.of(0, 1, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, CLOSED);
    private static final Set<String> WRITING =
            Set.of("store", "delete", "cleanup", "rotate", "rekey", "records", "import");
    private static final Path HERE = Path.of("").toAbsolutePath();
    private static final Path STORE = HERE.resolveSibling("store");
    private static final List<String> NAMES = List.of("a", "b");

    private CommandLineFuzzer() {}

    /** Called by Jazzer. */
    public static void fuzzerTestOneInput(byte[] input) throws IOException {
        takes(input);
    }

    /** Whether the command was done; what is printed after the first command finds standard output closed. */
    public static boolean takes(byte[] input) throws IOException {
        List<String> arguments = List.of(
                new String(input, StandardCharsets.UTF_8).replace("\0", "").split("\n"));
        if (isOutside(arguments)) {
            return false;
        }
        if (!Files.exists(STORE)) {
            make();
        }
        var before = files();
        var error = new ByteArrayOutputStream();
        int status = run(
                arguments.stream().map(a -> a.replace(DIR, STORE.toString())).toArray(String[]::new), error);
        assertTrue(STATUSES.contains(status), () -> status + ": " + error.toString(StandardCharsets.UTF_8));
        checkErrors(status, error.toString(StandardCharsets.UTF_8), arguments.contains("--debug"));
        if (!files().equals(before)) {
            checkChange(arguments);
            delete(STORE);
        }
        checkOutputs(arguments);
        return status == 0 || status == CLOSED;
    }

    /** Files and programs of the machine are not what is tried here, nor arguments that look like the values. */
    private static boolean isOutside(List<String> arguments) {
        boolean modules = arguments.contains("token") && arguments.contains("list");
        return modules
                || arguments.contains("exec") // It would be the end of this process: see ExecTest.
                || arguments.contains("prove") // Minutes, and JVMs of its own.
                || arguments.stream().anyMatch(argument -> {
                    String path = argument.replace(DIR, "").toLowerCase(Locale.ROOT);
                    return path.contains("canary") || path.contains("/") || path.contains("%2f") || path.contains("..");
                });
    }

    private static void make() throws IOException {
        try (var guard = MemGuard.at(STORE).keys(new NumberedKeys()).open()) {
            for (String name : NAMES) {
                try (var value = Secrets.text(value(name))) {
                    guard.store(name, value);
                }
            }
        }
        Files.writeString(STORE.resolveSibling("store.value"), value("b"));
    }

    private static String value(String name) {
        return "the canary of " + name;
    }

    private static int run(String[] arguments, ByteArrayOutputStream error) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        try (var nowhere = new PrintStream(new ByteArrayOutputStream());
                var caught = new PrintStream(error, true, StandardCharsets.UTF_8)) {
            System.setOut(nowhere);
            System.setErr(caught);
            return new Main().execute(arguments);
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    private static void checkErrors(int status, String error, boolean debug) {
        assertFalse(error.contains("canary"), error);
        assertFalse(status > 1 && error.isEmpty(), "it failed without a word");
        if (!debug) {
            error.lines().forEach(line -> assertTrue(line.startsWith("memguard: "), error));
            assertTrue(error.chars().noneMatch(c -> Character.isISOControl(c) && c != '\n'), error);
        }
    }

    /** What is in the store, without what changes with each opening. */
    private static Set<List<Object>> files() throws IOException {
        var found = new HashSet<List<Object>>();
        try (var all = Files.walk(STORE)) {
            for (Path file : (Iterable<Path>) all::iterator) {
                String name = file.getFileName().toString();
                if (name.startsWith("mg_") || name.equals("store.meta")) {
                    found.add(List.of(name, Files.readString(file)));
                } else if (!name.startsWith("store.")) {
                    found.add(List.of(name));
                }
            }
        }
        return found;
    }

    private static void checkChange(List<String> arguments) {
        assertTrue(arguments.stream().anyMatch(WRITING::contains), () -> "changed by " + arguments);
        if (arguments.contains("cleanup") || arguments.contains("rekey")) {
            return; // All of it may be gone, or be somebody else's now.
        }
        try (var guard = MemGuard.at(STORE)
                .mode(OpenMode.EXISTING)
                .keys(new NumberedKeys())
                .open()) {
            for (String name : NAMES) {
                if (!arguments.contains(name)) {
                    assertEquals(value(name), guard.read(name, Secrets::text));
                }
            }
        }
    }

    /** What was made in the folder: a value, or nothing of ours. */
    private static void checkOutputs(List<String> arguments) throws IOException {
        try (var all = Files.list(HERE)) {
            for (Path made : all.toList()) {
                if (Files.isRegularFile(made) && arguments.contains("retrieve")) {
                    String text = Files.readString(made);
                    assertTrue(NAMES.stream().anyMatch(name -> value(name).equals(text)), text);
                }
                delete(made);
            }
        }
    }

    private static void delete(Path root) throws IOException {
        try (var all = Files.walk(root)) {
            for (Path file : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
