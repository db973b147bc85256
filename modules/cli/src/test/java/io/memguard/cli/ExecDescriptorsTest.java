package io.memguard.cli;

import static io.memguard.cli.NewStore.assertError;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.process.Preload;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each number has its secret, byte for byte, in any order and number, or the command does not run and a line says why. */
class ExecDescriptorsTest {
    private static final int SECRETS = 20;

    /** Prints what is on each number that it is told of, and all that are open; 3 may be the listing's own. */
    private static final String READER = """
            import os, sys
            names = os.listdir('/proc/self/fd')
            opened = sorted(int(n) for n in names if os.path.exists('/proc/self/fd/' + n))
            for n in sys.argv[1:]:
                chunks = []
                while True:
                    chunk = os.read(int(n), 65536)
                    if not chunk:
                        break
                    chunks.append(chunk)
                print(n, b''.join(chunks).hex())
            print('open', *opened)
            """;

    @TempDir
    static Path temporary;

    private static NewStore store;

    @BeforeAll
    static void init() throws Exception {
        store = NewStore.in(temporary);
        Files.writeString(temporary.resolve("reader.py"), READER);
        for (int i = 0; i < SECRETS; i++) {
            store.done(value(i), "store", "s" + i);
        }
    }

    /** Of different lengths. */
    private static byte[] value(int i) {
        return ("value " + i + "\0\n").repeat(i + 1).getBytes(StandardCharsets.UTF_8);
    }

    /** Runs the reader with secrets on these numbers, a random half of them as files. */
    private static Cli.Result run(int limit, List<Integer> numbers, Random random) throws Exception {
        var options = new StringBuilder();
        for (int i = 0; i < numbers.size(); i++) {
            options.append(random.nextBoolean() ? " --fd " : " --memfd ")
                    .append(numbers.get(i))
                    .append("=s")
                    .append(i % SECRETS);
        }
        String arguments =
                String.join(" ", numbers.stream().map(String::valueOf).toList());
        return store.shell("ulimit -n " + limit + "; memguard exec" + options + " -- python3 reader.py " + arguments);
    }

    private static void assertAll(List<Integer> numbers, Cli.Result result, String how) {
        assertEquals(0, result.status(), how + result.error());
        var lines = result.text().lines().toList();
        for (int i = 0; i < numbers.size(); i++) {
            String hex = java.util.HexFormat.of().formatHex(value(i % SECRETS));
            assertEquals(numbers.get(i) + " " + hex, lines.get(i), how);
        }
        var expected = new ArrayList<>(numbers);
        Collections.addAll(expected, 0, 1, 2);
        String open = String.join(
                " ", expected.stream().distinct().sorted().map(String::valueOf).toList());
        assertEquals("open " + open, lines.getLast(), how);
    }

    /** All that the JVM itself uses, and more; a block down from the limit; or anywhere. */
    private static List<Integer> numbers(long seed, int limit, int count, Random random) {
        int lowest = switch (Math.floorMod(seed, 3)) {
            case 0 -> 3;
            case 1 -> Math.max(3, limit - count - random.nextInt(10));
            default -> 0;
        };
        var all = new ArrayList<>(
                IntStream.range(Math.max(3, lowest), lowest == 0 ? limit : Math.min(limit, lowest + count))
                        .boxed()
                        .toList());
        if (lowest <= 3) {
            Collections.shuffle(all, random);
        } else {
            Collections.reverse(all);
        }
        return all.subList(0, Math.min(count, all.size()));
    }

    @Test
    void randomSetsOfNumbersHaveTheirSecrets() throws Exception {
        int runs = Integer.getInteger("runs", 6);
        long first = Long.getLong("seed", 0);
        int withAll = 0;
        for (long seed = first; seed < first + runs; seed++) {
            var random = new Random(seed);
            int limit = List.of(64, 128, 256, 1024, 4096).get(random.nextInt(5));
            // Room for what Java and Python open.
            int most = Math.min(200, limit - 40);
            int count = seed % 3 == 0 ? most : 1 + random.nextInt(most);
            var numbers = numbers(seed, limit, count, random);
            var result = run(limit, numbers, random);
            String how = "-Dseed=" + seed + ", " + numbers.size() + " of " + limit + ": ";
            if (result.status() == 0) {
                withAll++;
                assertAll(numbers, result, how);
            } else {
                assertEquals("", result.text(), how);
                assertEquals(1, result.error().lines().count(), how + result.error());
                assertTrue(result.error().contains("ulimit -n"), how + result.error());
            }
        }
        System.out.println(withAll + " of " + runs + " sets of numbers had their secrets, the others were refused");
        assertTrue(withAll * 2 >= runs, withAll + " of " + runs);
    }

    @Test
    void numbersThatCrossOrAreJavasOwnHaveTheirSecrets() throws Exception {
        var random = new Random(1);
        for (List<Integer> numbers : List.of(
                List.of(1001, 1000, 100, 101, 20, 21),
                IntStream.range(3, 40).boxed().toList(),
                IntStream.range(3, 40).mapToObj(i -> 42 - i).toList(),
                List.of(0, 1023, 9, 8, 7, 6, 5, 4, 3))) {
            assertAll(numbers, run(1024, numbers, random), numbers + ": ");
        }
    }

    /** What was refused, and by whom: the number of open files has nothing to do with it. */
    @Test
    void aFilterOfSystemCallsIsNamed() throws Exception {
        String filter = "LD_PRELOAD=" + Preload.built("forbid") + " FORBID=319 "; // memfd_create
        var result = store.shell(filter + "\"${memguard[@]}\" exec --memfd 3=s1 -- echo ran");
        assertEquals("", result.text());
        assertTrue(result.error().contains("memfd_create failed (Operation not permitted)"), result.error());
        assertTrue(
                result.error().contains("(seccomp) forbids it: allow it there, or give the secret by --fd"),
                result.error());
        assertFalse(result.error().contains("open files"), result.error());
        assertEquals(1, result.error().lines().count(), result.error());
    }

    @Test
    void aNumberBeyondTheLimitIsSaidAndNothingRuns() throws Exception {
        for (String number : List.of("1024", "5000", "9999999")) {
            var result = store.shell(
                    "ulimit -n 1024; memguard exec --fd 3=s1 --memfd " + number + "=s0 -- sh -c 'echo ran'");
            assertError(19, "descriptor " + number + " is beyond the limit of open files", result);
        }
        assertError(19, "descriptor 4 is not open", store.shell("memguard exec --keep-fd 4 --fd 3=s0 -- echo ran"));
    }

    @Test
    void aCommandThatCanNotBeRunLeavesTheProcessAbleToSaySo() throws Exception {
        String options = String.join(
                " ", IntStream.range(3, 60).mapToObj(i -> "--fd " + i + "=s1").toList());
        assertError(127, "No such file", store.shell("memguard exec " + options + " -- no-such-command"));
    }
}
