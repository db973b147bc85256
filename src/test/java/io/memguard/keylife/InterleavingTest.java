package io.memguard.keylife;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.process.ChildJvm;
import io.memguard.tokens.SoftHsm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The real code under chosen orders of its steps: two and three actors, each with an opening of its own, stop before every lock,
 * rename, link, unlink, sync of the folder, look at the metadata or a file, and call of the provider, and go on one at a time.
 * After each order the invariants of docs/KEY-LIFECYCLE.md are judged by fresh openings. {@code -Dorders=} says how many orders
 * of each pair; 100000 are all of two actors.
 */
class InterleavingTest {
    private static final int ORDERS = Integer.getInteger("orders", 4);

    /** {@link Scene.Begin}, and what the actors do at once. */
    private static final List<String> SCENES = List.of(
            "SETTLED:ROTATE+ROTATE",
            "SETTLED:ROTATE+REKEY",
            "SETTLED:ROTATE+STORE",
            "SETTLED:ROTATE+DELETE",
            "SETTLED:ROTATE+READ",
            "SETTLED:ROTATE+OPEN",
            "SETTLED:ROTATE+CLEANUP",
            "SETTLED:REKEY+REKEY_ELSEWHERE",
            "SETTLED:REKEY+STORE",
            "SETTLED:REKEY+DELETE",
            "SETTLED:REKEY+READ",
            "SETTLED:REKEY+OPEN",
            "SETTLED:REKEY+CLEANUP",
            "SETTLED:CLEANUP+CLEANUP",
            "SETTLED:CLEANUP+MAKE",
            "SETTLED:CLEANUP+OPEN",
            "SETTLED:CLEANUP+STORE",
            "SETTLED:CLEANUP+READ",
            "SETTLED:MAKE+STORE",
            "INTERRUPTED:ABORT+REKEY",
            "INTERRUPTED:ABORT+ABORT",
            "INTERRUPTED:ABORT+ROTATE",
            "INTERRUPTED:ABORT+STORE",
            "INTERRUPTED:ABORT+OPEN",
            "INTERRUPTED:ABORT+READ",
            "INTERRUPTED:ABORT+CLEANUP",
            "INTERRUPTED:REKEY+STORE",
            "INTERRUPTED:REKEY+OPEN",
            "INTERRUPTED:REKEY+REKEY_ELSEWHERE",
            "OLD_LEFT:OPEN+OPEN",
            "OLD_LEFT:OPEN+STORE",
            "OLD_LEFT:ROTATE+OPEN",
            "OLD_LEFT:REKEY+OPEN",
            "OLD_LEFT:FORGET+OPEN",
            "OLD_LEFT:CLEANUP+OPEN",
            "SETTLED:ROTATE+ROTATE+STORE",
            "SETTLED:ROTATE+REKEY+STORE",
            "SETTLED:ROTATE+STORE+OPEN",
            "SETTLED:ROTATE+OPEN+DELETE",
            "SETTLED:ROTATE+CLEANUP+MAKE",
            "SETTLED:CLEANUP+MAKE+MAKE",
            "INTERRUPTED:ABORT+REKEY+STORE",
            "INTERRUPTED:ABORT+OPEN+READ",
            "OLD_LEFT:ROTATE+OPEN+STORE");

    /** The first of them is killed. */
    private static final List<String> KILLS = List.of(
            "SETTLED:ROTATE+STORE",
            "SETTLED:ROTATE+ROTATE",
            "SETTLED:ROTATE+REKEY",
            "SETTLED:ROTATE+OPEN",
            "SETTLED:ROTATE+CLEANUP",
            "SETTLED:REKEY+STORE",
            "SETTLED:REKEY+ROTATE",
            "SETTLED:REKEY+READ",
            "SETTLED:REKEY+OPEN",
            "SETTLED:REKEY+REKEY_ELSEWHERE",
            "SETTLED:STORE+ROTATE",
            "SETTLED:DELETE+ROTATE",
            "SETTLED:OPEN+ROTATE",
            "SETTLED:CLEANUP+STORE",
            "SETTLED:CLEANUP+MAKE",
            "SETTLED:CLEANUP+ROTATE",
            "SETTLED:CLEANUP+REKEY",
            "SETTLED:CLEANUP+OPEN",
            "SETTLED:CLEANUP+CLEANUP",
            "SETTLED:REKEY+CLEANUP",
            "INTERRUPTED:ABORT+STORE",
            "INTERRUPTED:ABORT+REKEY",
            "INTERRUPTED:ABORT+OPEN",
            "INTERRUPTED:CLEANUP+ABORT",
            "INTERRUPTED:REKEY+ABORT",
            "INTERRUPTED:REKEY+STORE",
            "OLD_LEFT:OPEN+ROTATE",
            "OLD_LEFT:ROTATE+OPEN");

    private Path work;

    /** In memory where there is room for files: nobody waits for a disk, and what is durable is no question here. */
    @BeforeEach
    void prepare() throws Exception {
        Path memory = Path.of("/dev/shm");
        work = Files.isWritable(memory)
                ? Files.createTempDirectory(memory, "memguard")
                : Files.createTempDirectory("memguard");
    }

    @AfterEach
    void remove() throws Exception {
        new ProcessBuilder("rm", "-rf", work.toString()).start().waitFor();
    }

    private String run(int orders, String keys, List<String> scenes) throws Exception {
        return run(orders, keys, "", scenes);
    }

    private String run(int orders, String keys, String tokens, List<String> scenes) throws Exception {
        var arguments = new ArrayList<>(List.of(work.toString(), Integer.toString(orders), tokens));
        scenes.forEach(scene -> arguments.add(keys + ":" + scene));
        try (var child = ChildJvm.start(Interleavings.class, Stepper.environment(), arguments)) {
            return child.rest();
        }
    }

    private void assertHolds(int orders, String keys, List<String> scenes) throws Exception {
        assertHolds(run(orders, keys, scenes));
    }

    private static void assertHolds(String said) {
        assertTrue(said.endsWith("done\n"), said);
        System.out.print(said);
    }

    @Test
    void inEveryOrderOfTheirStepsActorsKeepTheInvariants() throws Exception {
        assertHolds(ORDERS, "files", SCENES);
    }

    @Test
    void whereverOneOfThemIsKilledTheOthersKeepTheInvariants() throws Exception {
        assertHolds(2 * ORDERS, "!files", KILLS);
    }

    @Test
    void withTheSoftwareKeystoreTheyDo() throws Exception {
        assertHolds(ORDERS, "software", List.of("SETTLED:REKEY+OPEN", "SETTLED:ROTATE+STORE"));
        assertHolds(ORDERS, "!software", List.of("SETTLED:REKEY+STORE", "INTERRUPTED:ABORT+REKEY"));
    }

    /** A rekey is to a key in another token. With a direct key each use of it is a step, too. */
    @Test
    void withKeysInTokensTheyDo() throws Exception {
        String tokens =
                SoftHsm.token().uriWithPin("OBJECT") + " " + SoftHsm.token().uriWithPin("OBJECT");
        for (String keys : List.of("envelope", "direct")) {
            assertHolds(run(
                    ORDERS,
                    keys,
                    tokens,
                    List.of("SETTLED:ROTATE+OPEN", "SETTLED:ROTATE+STORE", "SETTLED:REKEY+ROTATE")));
        }
    }

    /** Else it could not find one. */
    @Test
    void aStepThatHarmsOnlyBetweenTwoOthersIsFound() throws Exception {
        String said = run(1_000, "files", List.of("SETTLED:ROTATE+MEDDLE"));
        assertTrue(said.contains("ROTATE rotate: STORE_FAILED"), said);
        assertFalse(said.contains("done"), said);
    }
}
