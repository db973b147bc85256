package io.memguard.cli;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.crash.Filetrace;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.process.ChildJvm;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each exit status that is documented, from the real command. */
class ExitStatusTest {
    private static final int EIO = 5;

    /** A way to get a status; the paths of the store's files are in shell variables. */
    private record Case(int status, String part, String script) {}

    private static final List<Case> CASES = List.of(
            new Case(0, "", "memguard contains a"),
            new Case(1, "", "memguard contains nothing"),
            new Case(1, "not found", "memguard retrieve nothing"),
            new Case(2, "did you mean 'list'", "memguard lsit"),
            new Case(
                    10, "passphrase is wrong", "(umask 077; echo wrong >wrong); memguard list --passphrase-file wrong"),
            new Case(11, "chmod", "chmod 777 $folder; memguard list; status=$?; chmod 700 $folder; exit $status"),
            new Case(12, "read directly 5 times within a minute; wait ", "memguard retrieve --direct a"),
            new Case(126, "can't run", "memguard exec --fd 3=a -- /"),
            new Case(127, "can't run", "memguard exec --fd 3=a -- no-such-command"),
            new Case(3, "", "memguard exec --fd 3=a -- sh -c 'exit 3'"),
            new Case(141, "", "(memguard list; echo $? >status) | true; exit $(cat status)"),
            new Case(
                    13,
                    "damaged",
                    "cp -p $value kept; echo x >>$value; memguard retrieve a; status=$?; cp -p kept $value; exit $status"),
            new Case(14, "could not be stored", "mv $value kept; mkdir -p $value/x; printf x | memguard store a"),
            new Case(15, "could not be deleted", "memguard delete a"),
            new Case(19, "--allow-empty", "memguard store b </dev/null"),
            new Case(74, "No space left", "memguard stats >/dev/full"),
            new Case(18, "could not be removed", "memguard cleanup --yes"));

    @TempDir
    static Path temporary;

    private static NewStore store;

    @BeforeAll
    static void init() throws Exception {
        store = NewStore.in(temporary);
        store.done("value".getBytes(StandardCharsets.UTF_8), "store", "a");
    }

    @Test
    void eachStatusComesFromTheRealCommand() throws Exception {
        String paths = "folder=store/memguard_secure; value=$(ls -d $folder/*.dat)\n";
        for (Case each : CASES) {
            var result = each.status() == 12 ? afterFiveReads(each.script()) : store.shell(paths + each.script());
            assertEquals(each.status(), result.status(), each.script() + ": " + result.error());
            assertTrue(result.error().contains(each.part()), each.script() + ": " + result.error());
        }
        var tested = CASES.stream().map(Case::status).collect(Collectors.toCollection(HashSet::new));
        tested.addAll(Set.of(16, 17)); // Of a disk that breaks, see below.
        tested.remove(3); // The command's own.
        var documented = statuses(String.join(
                " ", new Main().allCommands().getCommandSpec().usageMessage().footer()));
        assertTrue(documented.remove(70), "a bug"); // None is known that could be tried.
        assertEquals(documented, tested);
    }

    /** Counted here, since six runs take more than a minute on a machine that is busy; as one may. */
    private static Cli.Result afterFiveReads(String script) throws Exception {
        String id = MemGuard.describe(temporary.resolve("store")).orElseThrow().storeId();
        Cli.Result result;
        int tries = 0;
        do {
            for (int i = 0; i < 5; i++) {
                try {
                    DirectReads.count(id, "a");
                } catch (MemGuardException e) {
                    assertEquals(ErrorCode.RATE_LIMIT_EXCEEDED, e.code());
                }
            }
            result = store.shell(script);
        } while (result.status() == 0 && ++tries < 5);
        return result;
    }

    private static Set<Integer> statuses(String help) {
        return Pattern.compile("\\b\\d+\\b")
                .matcher(help)
                .results()
                .map(found -> Integer.valueOf(found.group()))
                .collect(Collectors.toCollection(HashSet::new));
    }

    /** From any call on, the disk gives errors: one line and the status of what was asked for, nothing of the program. */
    @Test
    void aDiskThatBreaksAtAnyCallIsOneLineAndItsStatus() throws Exception {
        Path place = Files.createDirectory(temporary.resolve("breaking"));
        try (var guard = MemGuard.at(place)
                .keys(SoftwareKeys.passphrase(SecretSources.file(store.passphrase()))
                        .cost(1, 8 << 20))
                .open()) {
            assertEquals(List.of(), guard.list());
        }
        statuses(place, 16, "contains", "a");
        statuses(place, 17, "stats");
        statuses(place, 14, "store", "a", "--file", store.passphrase().toString());
        statuses(place, 15, "delete", "a");
        statuses(
                place, 13, "retrieve", "a", "--output", temporary.resolve("out").toString(), "--force");
    }

    private static void statuses(Path place, int wanted, String... command) throws Exception {
        var environment = new ArrayList<>(Filetrace.environment(place, null, 0));
        environment.add("MEMGUARD_DIR=" + place);
        environment.add("MEMGUARD_PASSPHRASE_FILE=" + store.passphrase());
        var arguments = new ArrayList<>(List.of(Integer.toString(EIO)));
        arguments.addAll(List.of(command));
        try (var child = ChildJvm.start(FailingMain.class, environment, arguments)) {
            String said = child.rest();
            assertEquals(0, child.exitCode(), said);
            var lines = said.lines()
                    .filter(line -> line.startsWith("status "))
                    .map(line -> line.substring("status ".length()))
                    .toList();
            for (String line : lines.subList(0, lines.size() - 1)) {
                MessagesTest.assertNoNoise(line);
            }
            var statuses = lines.stream()
                    .map(line -> Integer.valueOf(line.split(" ")[0]))
                    .collect(Collectors.toSet());
            assertTrue(statuses.contains(wanted), String.join(" ", command) + ": " + said);
        }
    }
}
