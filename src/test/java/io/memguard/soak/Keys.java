package io.memguard.soak;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Progress;
import io.memguard.process.ChildJvm;
import io.memguard.tokens.SoftHsm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Several processes change the keys of a store, give changes up, and remove and make a second one, while others store, read and
 * delete; one after the other gets SIGKILL. At the end every acknowledged value must open, with one key alone, and no
 * key must be there that the store does not name.
 */
public final class Keys {
    private static final int ADMINS = 2;
    private static final int TRAFFIC = 2;
    private static final int KILL_EVERY = 25; // operations
    private static final int REPORT_EVERY = 20; // kills
    private static final Progress SILENT = (done, all) -> {};

    private final Path work;
    private final KeyStores stores;
    private final SoftHsm.@Nullable Token token;
    private final int operations;
    private final SplittableRandom random;
    private final AtomicInteger done = new AtomicInteger();
    private final Map<String, Integer> kinds = new ConcurrentHashMap<>();
    private final AtomicReference<@Nullable String> failure = new AtomicReference<>();
    private final List<Child> children = new ArrayList<>();
    private int kills;

    private Keys(Path work, SoftHsm.@Nullable Token token, boolean records, int operations, long seed) {
        this.work = work;
        this.token = token;
        this.stores = new KeyStores(
                token != null && !records ? token.uriWithPin("soak") : "",
                token != null && records ? token.uriWithPin("records") : "");
        this.operations = operations;
        this.random = new SplittableRandom(seed);
    }

    /** @param journal of traffic; null of who changes keys */
    private record Child(
            ChildJvm jvm, Thread reader, @Nullable Path journal, String number) {}

    /** {@code directory operations seed kind}, which is "software", "token", or "records"; with SOFTHSM2_CONF in the directory. */
    public static void main(String[] arguments) throws Exception {
        Path work = Path.of(arguments[0]);
        var token = arguments[3].equals("software") ? null : new SoftHsm(work).token("soak");
        boolean records = arguments[3].equals("records");
        System.out.println(run(work, token, records, Integer.parseInt(arguments[1]), Long.parseLong(arguments[2])));
    }

    /**
     * What was done, in words; throws where something was lost.
     *
     * @param token for one of the two keys, or for records; null where both keys are passphrases and there are no records
     */
    public static String run(Path work, SoftHsm.@Nullable Token token, boolean records, int operations, long seed)
            throws Exception {
        var soak = new Keys(work, token, records, operations, seed);
        try {
            return soak.run();
        } finally {
            soak.children.forEach(child -> child.jvm().close());
        }
    }

    private Path store() {
        return work.resolve("store");
    }

    private String run() throws Exception {
        stores.open(store(), OpenMode.OPEN_OR_CREATE).guard().close();
        for (int i = 0; i < ADMINS + TRAFFIC; i++) {
            start(i < TRAFFIC, "p" + i);
        }
        int nextKill = KILL_EVERY;
        while (done.get() < operations && failure.get() == null) {
            TimeUnit.MILLISECONDS.sleep(10);
            if (done.get() >= nextKill) {
                replaceOne();
                nextKill += KILL_EVERY;
                if (kills % REPORT_EVERY == 0) {
                    System.out.println(done + " operations " + new TreeMap<>(kinds) + ", " + kills + " kills");
                }
            }
        }
        for (Child child : children) {
            try {
                child.jvm().send("end");
            } catch (IOException e) {
                // It has died, and has said why.
            }
            child.reader().join();
        }
        if (failure.get() != null) {
            throw new AssertionError(failure.get());
        }
        long values = judge();
        return done + " operations " + new TreeMap<>(kinds) + ", " + kills + " kills, " + values
                + " values as they were acknowledged last";
    }

    private void start(boolean traffic, String number) throws Exception {
        Path journal = traffic ? work.resolve("journal-" + number) : null;
        String seed = Long.toString(random.nextLong());
        var arguments = journal != null
                ? List.of(store().toString(), journal.toString(), number, seed, stores.token(), stores.records())
                : List.of(
                        store().toString(), work.resolve("second").toString(), seed, stores.token(), stores.records());
        var jvm = ChildJvm.start(
                journal != null ? KeyTraffic.class : KeyAdmin.class,
                List.of("env", "JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"),
                arguments);
        var reader = Thread.ofPlatform().unstarted(() -> read(jvm));
        children.add(new Child(jvm, reader, journal, number));
        reader.start();
    }

    private void read(ChildJvm jvm) {
        var other = new ArrayList<String>();
        try {
            for (String line = jvm.readLine(); line != null; line = jvm.readLine()) {
                if (line.startsWith("did ")) {
                    kinds.merge(line.split(" ", -1)[1], 1, Integer::sum);
                    done.incrementAndGet();
                } else {
                    other.add(line);
                }
            }
        } catch (IOException e) {
            other.add(e.toString());
        }
        if (other.stream().anyMatch(line -> line.contains("Exception") || line.contains("Error"))) {
            failure.compareAndSet(null, String.join("\n", other));
        }
    }

    private void replaceOne() throws Exception {
        Child victim = children.remove(random.nextInt(children.size()));
        victim.jvm().kill();
        victim.reader().join();
        kills++;
        start(victim.journal() != null, victim.number());
    }

    private long judge() throws Exception {
        end();
        long values = check();
        var opened = stores.open(store(), OpenMode.EXISTING);
        try (var guard = opened.guard()) {
            guard.rotate(SILENT);
        }
        check();
        try (Stream<Path> files = Files.list(store().resolve("memguard_secure"))) {
            var keys = files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.startsWith("keystore") || name.startsWith(".tmp_"))
                    .toList();
            boolean inToken = opened.key().equals("two") && !stores.token().isEmpty();
            require(keys.size() == (inToken ? 0 : 1), "keys in files: " + keys);
            requireKeysInToken(inToken ? 1 : 0);
        }
        try {
            stores.openOnly(store(), KeyStores.other(opened.key())).close();
            throw new AssertionError("both keys open the store");
        } catch (MemGuardException e) {
            require(e.code() == ErrorCode.KEY_INVALID, e.toString());
        }
        return values;
    }

    private void requireKeysInToken(int right) {
        if (token != null && !stores.token().isEmpty()) {
            long keys = token.tool("--list-objects", "--type", "secrkey")
                    .lines()
                    .filter(line -> line.contains("label:"))
                    .count();
            require(keys == right, keys + " keys in the token, and " + right + " is named");
        }
    }

    /** Gives up what was interrupted last. */
    private void end() {
        try (var guard = stores.open(store(), OpenMode.EXISTING).guard()) {
            guard.abortRekey(SILENT);
        } catch (MemGuardException e) {
            require(e.code() == ErrorCode.INVALID_ARGUMENTS || KeyAdmin.needsTheOtherProvider(e), e.toString());
        }
        if (!stores.token().isEmpty()) { // Both providers are there: no old key is left.
            var opened = stores.open(store(), OpenMode.EXISTING);
            try (var guard = opened.guard()) {
                guard.rekey(stores.keys(KeyStores.other(opened.key())), SILENT);
            }
        }
    }

    private long check() throws IOException {
        long values = 0;
        var opened = stores.open(store(), OpenMode.EXISTING);
        try (var guard = opened.guard();
                Stream<Path> files = Files.list(work)) {
            for (Path journal :
                    (Iterable<Path>) files.filter(file -> file.toString().contains("journal-"))::iterator) {
                for (var state : KeyTraffic.states(journal).entrySet()) {
                    KeyTraffic.require(opened, state.getKey(), state.getValue());
                    values += guard.contains(state.getKey()) ? 1 : 0;
                }
            }
            require(guard.list().size() == guard.stats().itemsCount(), "values and names differ");
        }
        return values;
    }

    private static void require(boolean right, String what) {
        if (!right) {
            throw new AssertionError(what);
        }
    }
}
