package io.memguard.crash;

import static org.junit.jupiter.api.Assertions.*;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.memguard.Secrets;
import io.memguard.process.ChildJvm;
import io.memguard.tokens.SoftHsm;
import io.memguard.tokens.TokenTrace;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A process that changes the key of a store between tokens and a software keystore gets SIGKILL behind a call that writes
 * to the token, or behind a rename, link, unlink or fsync of the store, while another process lives and stores: nothing that was
 * acknowledged is lost, and who asked for the change gets it. {@code -Dtoken.kill.every=1} kills behind every one, N behind
 * each Nth; without it only one kind of change is killed, behind each write of the token.
 */
class TokenKillTest {
    static final int VALUES = 3;

    private static final int EVERY = Integer.getInteger("token.kill.every", 0);

    @TempDir
    Path work = Path.of("");

    private SoftHsm hsm;
    private String uri = "";
    private int round;

    private void prepare() throws Exception {
        hsm = new SoftHsm(work.resolve("hsm"));
        uri = TokenTrace.through(hsm.token("app").uriWithPin("key"));
    }

    /** Each round has a store and keys of its own. */
    private String keys(String text) {
        return text.replace("direct", uri.replace("object=key", "object=direct" + round) + "&x-mode=direct")
                .replace("envelope", uri.replace("object=key", "object=envelope" + round) + "&x-mode=envelope");
    }

    private ChildJvm actor(Path root, boolean traced, String... arguments) throws Exception {
        var before = new ArrayList<>(traced ? Filetrace.environment(root, null, 0) : List.of("env"));
        TokenTrace.environment(hsm).forEach((name, value) -> before.add(name + "=" + value));
        return ChildJvm.start(TokenActor.class, before, List.of(arguments));
    }

    @ParameterizedTest
    @CsvSource({
        "direct, direct",
        "envelope, envelope",
        "software, software",
        "software, other",
        "software, abort",
        "direct software, direct software",
        "envelope software, envelope software",
        "software, envelope",
        "envelope, software",
        "envelope, direct"
    })
    void aKeyChangeKilledAnywhereLosesNothing(String from, String to) throws Exception {
        assumeTrue(EVERY > 0, "minutes for each: -Dtoken.kill.every=1 kills behind every call");
        prepare();
        long seed = Secrets.seed();
        long[] counts = round(from, to, 0, 0);
        int rounds = 0;
        for (long write = 1; write <= counts[1]; write++, rounds++) {
            round(from, to, 0, write);
        }
        for (long change = 1 + Math.floorMod(seed, EVERY); change <= counts[0]; change += EVERY, rounds++) {
            round(from, to, change, 0);
        }
        System.out.println(from + " to " + to + ": " + counts[0] + " changes of files, " + counts[1]
                + " writes; killed " + rounds);
    }

    /** Behind the new key, and behind the old one's end: the points where key and metadata can disagree. */
    @Test
    void aRotationKilledBehindEachWriteOfTheTokenLosesNothing() throws Exception {
        prepare();
        for (long write = 1; write <= 2; write++) {
            round("direct", "direct", 0, write);
        }
    }

    /** To another passphrase, and back from a change that was begun: of the software keystore, in the middle of each. */
    @ParameterizedTest
    @CsvSource({"software, other", "software, abort"})
    void aChangeOfThePassphraseKilledInItsMiddleLosesNothing(String from, String to) throws Exception {
        prepare();
        round(from, to, to.equals(TokenActor.ABORT) ? 5 : 9, 0);
    }

    /** How many changes and writes there were, where it was not killed. */
    private long[] round(String from, String to, long change, long write) throws Exception {
        round++;
        String where = from + " to " + to + ", killed behind " + (change > 0 ? "change " + change : "write " + write);
        Path root = Files.createDirectory(work.resolve("root" + round)).toRealPath();
        String store = root.resolve("store").toString();
        long[] counts = {0, 0};
        int stored;
        try (var changer =
                actor(root, true, "change", store, keys(from), keys(to), Long.toString(change), Long.toString(write))) {
            changer.expect("ready");
            try (var beside = actor(root, false, "beside", store, keys(from))) {
                beside.expect("ready");
                changer.send("go");
                String said = changer.rest();
                boolean killed = changer.exitCode() == 137;
                assertEquals(change + write > 0, killed, where + ": " + said);
                if (!killed) {
                    var done = Pattern.compile("done ([0-9]+) ([0-9]+)").matcher(said);
                    assertTrue(done.find(), said);
                    counts = new long[] {Long.parseLong(done.group(1)), Long.parseLong(done.group(2))};
                }
                beside.send("stop");
                String end = beside.rest();
                var number = Pattern.compile("stored ([0-9]+)").matcher(end);
                assertTrue(number.find(), where + ": " + end);
                stored = Integer.parseInt(number.group(1));
            }
        }
        try (var look = actor(root, false, "look", store, keys(from), keys(to), Integer.toString(stored))) {
            String said = look.rest();
            assertTrue(said.endsWith("all there\n"), where + ", " + stored + " stored beside: " + said);
        }
        return counts;
    }
}
