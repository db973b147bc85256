package io.memguard.soak;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import io.memguard.soak.KeyStores.Opened;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * A process that stores, reads and deletes secrets that no other one writes, until it is killed. Its journal says before each
 * call what it asks for, and behind it that this was acknowledged; the next process of the same number goes on with it.
 */
final class KeyTraffic implements AutoCloseable {
    static final long ABSENT = 0;

    private static final int SLOTS = 4;

    private final KeyStores stores;
    private final Path directory;
    private final BufferedWriter journal;
    private final String number;
    private final Map<String, List<Long>> left;
    private Opened store;

    private KeyTraffic(KeyStores stores, Path directory, Path journal, String number) throws IOException {
        this.stores = stores;
        this.directory = directory;
        this.number = number;
        this.left = states(journal);
        this.journal = Files.newBufferedWriter(journal, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        this.store = stores.open(directory, OpenMode.EXISTING);
    }

    /** What each secret may be by a journal: {@link #ABSENT}, or the seed of its value. */
    static Map<String, List<Long>> states(Path journal) throws IOException {
        var states = new HashMap<String, List<Long>>();
        if (!Files.exists(journal)) {
            return states;
        }
        for (String line : Files.readAllLines(journal)) {
            String[] words = line.split(" ", -1);
            if (words.length == 4) { // Else it was killed while it wrote that.
                long seed = Long.parseLong(words[2]);
                var may = new ArrayList<>(states.getOrDefault(words[1], List.of(ABSENT)));
                if (words[0].equals("done")) {
                    may.clear();
                }
                may.add(seed);
                states.put(words[1], may);
            }
        }
        return states;
    }

    public static void main(String[] arguments) throws Exception {
        var random = new SplittableRandom(Long.parseLong(arguments[3]));
        try (var traffic = new KeyTraffic(
                new KeyStores(arguments[4], arguments[5]),
                Path.of(arguments[0]),
                Path.of(arguments[1]),
                arguments[2])) {
            System.out.println("ready");
            while (System.in.available() == 0) {
                traffic.call(random);
            }
        } catch (Throwable e) {
            e.printStackTrace(System.out);
            Runtime.getRuntime().halt(3);
        }
        System.out.println("ended");
    }

    private void call(SplittableRandom random) throws IOException {
        String name = "of-" + number + "-" + random.nextInt(SLOTS);
        switch (random.nextInt(8)) {
            case 0 -> change(name, ABSENT);
            case 1, 2, 3 -> change(name, random.nextLong(1, Long.MAX_VALUE));
            case 4 -> reopen();
            default -> read(name);
        }
    }

    private void change(String name, long seed) throws IOException {
        note("asks", name, seed);
        var may = new ArrayList<>(left.getOrDefault(name, List.of(ABSENT)));
        may.add(seed);
        left.put(name, may);
        attempt(() -> {
            if (seed == ABSENT) {
                store.guard().delete(name);
            } else {
                try (var value = Secrets.random(60, seed)) {
                    store.guard().store(name, value);
                }
            }
        });
        note("done", name, seed);
        left.put(name, List.of(seed));
    }

    private void read(String name) {
        attempt(() -> {
            if (Math.floorMod(name.hashCode(), 2) == 0) {
                store.guard().cleanupMemory();
            }
            require(store, name, left.getOrDefault(name, List.of(ABSENT)));
        });
    }

    /** Throws where a secret is none of what it may be. */
    static void require(Opened store, String name, List<Long> may) {
        if (!store.guard().contains(name)) {
            if (!may.contains(ABSENT)) {
                throw new AssertionError(name + " is lost; it was one of " + may);
            }
            return;
        }
        boolean known = store.guard()
                .<Boolean, RuntimeException>read(
                        name, value -> may.stream().anyMatch(seed -> Secrets.matches(value, seed)));
        if (!known) {
            throw new AssertionError(name + " is none of " + may);
        }
    }

    /** Through a change to the other key it goes on with that, as a service does that is told. */
    private void attempt(Runnable call) {
        for (int i = 0; ; i++) {
            try {
                call.run();
                return;
            } catch (MemGuardException e) {
                if (e.code() != ErrorCode.KEY_INVALID || i > 40) {
                    throw e;
                }
                reopen();
            }
        }
    }

    private void reopen() {
        store.guard().close();
        store = stores.open(directory, OpenMode.EXISTING);
    }

    /** In one write: it is there, or is cut, when this is killed. */
    private void note(String what, String name, long seed) throws IOException {
        journal.write(what + " " + name + " " + seed + " .\n");
        journal.flush();
    }

    @Override
    public void close() throws IOException {
        store.guard().close();
        journal.close();
    }
}
