package io.memguard.keylife;

import io.memguard.keylife.Stepper.State;
import io.memguard.store.keyring.Metadata;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * One order of the steps of several actors. Keeps what each of them has seen and what is there by who made it, so that two
 * orders that have led to the same point can be told.
 */
final class StepOrder {
    private static final int EPOCH = 1 << 16; // The last of the counters.
    private static final int CLEAR = 3;

    /** What happens to an actor. */
    enum Kind {
        GOES_ON,
        /** Its patience ends: the lock that it polls is not free. */
        LATE,
        KILLED
    }

    /** One step. */
    record Choice(int actor, Kind kind) {
        static Choice goesOn(int actor) {
            return new Choice(actor, Kind.GOES_ON);
        }
    }

    private final Stepper stepper;
    private final Path folder;
    private final boolean kills;
    private final State[] states;
    private final long[] seen;
    private final boolean[] offered;
    private final Map<String, Long> files = new TreeMap<>();
    private final Map<String, String> containers = new HashMap<>();
    private final List<String> log = new ArrayList<>();
    private boolean killed;

    /**
     * The actors have been started, with the numbers from 0.
     *
     * @param kills whether the first one may be killed
     */
    StepOrder(Stepper stepper, Path folder, int actors, boolean kills) {
        this.kills = kills;
        this.stepper = stepper;
        this.folder = folder;
        this.states = new State[actors];
        this.seen = new long[actors];
        this.offered = new boolean[actors];
        for (int i = 0; i < actors; i++) {
            seen[i] = i + 1L;
            arrived(i, stepper.await(i));
        }
    }

    /** What can be done now; of who polls, once, also that its patience ends. */
    List<Choice> choices() {
        var choices = new ArrayList<Choice>();
        for (int i = 0; i < states.length; i++) {
            boolean waits = states[i] == State.WAITING || states[i] == State.POLLING;
            if (states[i] == State.STOPPED || (waits && stepper.isFree(i))) {
                choices.add(Choice.goesOn(i));
            } else if (states[i] == State.POLLING && !offered[i]) {
                choices.add(new Choice(i, Kind.LATE));
            }
        }
        if (kills && states[0] == State.STOPPED) {
            choices.add(new Choice(0, Kind.KILLED));
        }
        return choices;
    }

    /** Whether the first actor was killed. */
    boolean killed() {
        return killed;
    }

    /** Whether all have ended. */
    boolean isOver() {
        for (State state : states) {
            if (state != State.ENDED && state != State.KILLED) {
                return false;
            }
        }
        return true;
    }

    /** What is not taken now is not offered again: later it would come to the same. */
    void offered(Choice taken) {
        for (int i = 0; i < states.length; i++) {
            offered[i] |= states[i] == State.POLLING && !taken.equals(new Choice(i, Kind.LATE));
        }
    }

    void take(Choice choice) throws IOException {
        int actor = choice.actor();
        String step = step(actor);
        log.add((char) ('A' + actor) + (choice.kind() == Kind.GOES_ON ? " " : " " + choice.kind() + " ") + step);
        if (choice.kind() == Kind.KILLED) {
            stepper.kill(actor);
            states[actor] = State.KILLED;
            killed = true;
            return;
        }
        look(actor, step);
        seen[actor] = mix(seen[actor], step.hashCode() + choice.kind().name().hashCode());
        change(actor, step);
        arrived(actor, stepper.go(actor, choice.kind() == Kind.LATE));
    }

    private void arrived(int actor, State state) {
        if (state == State.LOST || state == State.RUNNING) {
            throw new IllegalStateException((char) ('A' + actor) + " does not come to its next step: " + log);
        }
        states[actor] = state;
        if (state != State.POLLING) {
            offered[actor] = false;
        }
    }

    private void look(int actor, String step) throws IOException {
        String[] words = step.split(" ", -1);
        switch (words[0]) {
            case "open", "stat" -> seen[actor] = mix(mix(seen[actor], files.getOrDefault(words[1], 0L)), counters());
            case "list" -> {
                for (long other : seen) {
                    seen[actor] = mix(seen[actor], other);
                }
            }
            default -> {}
        }
    }

    private void change(int actor, String step) {
        String[] words = step.split(" ", -1);
        switch (words[0]) {
            case "rename", "link" -> files.put(words[2], seen[actor]);
            case "unlink" -> files.put(words[1], 0L);
            default -> {}
        }
    }

    /** Without random names. */
    private String step(int actor) {
        if (states[actor] == State.ENDED || states[actor] == State.KILLED) {
            return "end";
        }
        var words = new ArrayList<String>();
        for (String word : stepper.step(actor).split(" ", -1)) {
            words.add(
                    word.startsWith(".tmp_")
                            ? ".tmp"
                            : word.startsWith("keystore.bcfks-")
                                    ? containers.computeIfAbsent(
                                            word, name -> "keystore-" + Long.toHexString(seen[actor]))
                                    : word);
        }
        return String.join(" ", words);
    }

    /** The same for orders after which every actor, and all that they can see, is the same. */
    long signature() throws IOException {
        long all = counters();
        for (int i = 0; i < states.length; i++) {
            all = mix(mix(mix(all, seen[i]), states[i].name().hashCode()), step(i).hashCode());
            all = mix(all, offered[i] ? 1 : 0);
        }
        for (var file : files.entrySet()) {
            all = mix(mix(all, file.getKey().hashCode()), file.getValue());
        }
        return all;
    }

    /** Whether the epoch is that of the metadata, and whether there may be temporary files: the numbers are random. */
    private long counters() throws IOException {
        long epoch = number("store.generations", EPOCH);
        long clear = number("store.totals", CLEAR);
        return mix(epoch == 0 ? 1 : epoch == inMetadata() ? 2 : 3, clear);
    }

    private long inMetadata() throws IOException {
        Path file = folder.resolve("store.meta");
        return Files.exists(file) ? Metadata.parse(Files.readAllBytes(file)).keyEpoch() : 0;
    }

    private long number(String file, int index) throws IOException {
        Path path = folder.resolve(file);
        if (!Files.exists(path)) {
            return -1;
        }
        try (var channel = FileChannel.open(path, StandardOpenOption.READ)) {
            var bytes = ByteBuffer.allocate(8).order(ByteOrder.nativeOrder());
            channel.read(bytes, 8L * index);
            return bytes.getLong(0);
        }
    }

    private static long mix(long hash, long more) {
        long mixed = (hash ^ more) * 0x9e3779b97f4a7c15L;
        return (mixed ^ (mixed >>> 29)) * 0xbf58476d1ce4e5b9L + more;
    }

    List<String> log() {
        return log;
    }
}
