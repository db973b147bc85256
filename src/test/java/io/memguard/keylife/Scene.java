package io.memguard.keylife;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import io.memguard.keys.KeyProvider;
import io.memguard.store.keyring.Metadata;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** A store on which actors work, and the invariants of docs/KEY-LIFECYCLE.md that must hold when all have ended. */
final class Scene {
    static final long ABSENT = -1;

    private static final int VALUES = 2;

    /** What a removal says that waits no longer for a change. */
    private static final String MADE = "another process is making a key";

    /** How the store is when the actors begin. */
    enum Begin {
        SETTLED,
        /** A rekey to the passphrase "two" was killed when its key was named. */
        INTERRUPTED,
        /** A key of before could not be destroyed. */
        OLD_LEFT
    }

    private final Path directory;
    private final Stepper stepper;
    private final SceneKeys keys;
    private final Begin begin;
    private final String key;
    final List<Actor> actors = new ArrayList<>();

    Scene(Path directory, Stepper stepper, SceneKeys keys, Begin begin, List<Act> acts) throws IOException {
        this.directory = directory;
        this.stepper = stepper;
        this.keys = keys;
        this.begin = begin;
        if (Files.exists(directory) && keys.areInFolder()) {
            restore();
        } else {
            remake();
        }
        this.key = current();
        for (Act act : acts) {
            actors.add(new Actor(this, actors.size(), act));
        }
    }

    Path folder() {
        return directory.resolve("memguard_secure");
    }

    KeyProvider keys(String passphrase) {
        return new SteppedKeys(stepper, keys.of(passphrase));
    }

    MemGuard open(String passphrase, OpenMode mode) {
        return MemGuard.at(directory).keys(keys(passphrase)).mode(mode).open();
    }

    private void remake() throws IOException {
        for (Path former : List.of(folder(), kept())) {
            if (Files.exists(former)) {
                remove(former);
                Files.delete(former);
            }
        }
        keys.renew();
        make();
    }

    private void make() throws IOException {
        try (var guard = open("one", OpenMode.CREATE)) {
            Stores.fill(guard, VALUES);
            if (begin == Begin.INTERRUPTED) {
                assertThrows(
                        Stores.Stopped.class,
                        () -> guard.rekey(keys("two"), (done, all) -> {
                            throw new Stores.Stopped();
                        }));
            }
        }
        if (begin == Begin.OLD_LEFT) {
            try (var guard = Stores.open(directory, Stores.withoutErase(keys.of("one")))) {
                assertThrows(MemGuardException.class, () -> guard.rotate(Stores.SILENT));
            }
        }
        Files.createDirectory(kept());
        try (Stream<Path> files = Files.list(folder())) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Files.copy(file, kept().resolve(file.getFileName()), StandardCopyOption.COPY_ATTRIBUTES);
            }
        }
    }

    /** The same files in the same folder: to the library it is the same store, and not a copy. */
    private void restore() throws IOException {
        remove(folder());
        try (Stream<Path> files = Files.list(kept())) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Files.copy(file, folder().resolve(file.getFileName()), StandardCopyOption.COPY_ATTRIBUTES);
            }
        }
    }

    private Path kept() {
        return directory.resolveSibling(directory.getFileName() + "-kept");
    }

    private static void remove(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Files.delete(file);
            }
        }
    }

    /** The seed of a name's value when the actors begin. */
    static long before(String name) {
        return name.startsWith("name ") ? Long.parseLong(name.substring("name ".length())) : ABSENT;
    }

    /** The seed of what an actor stores. */
    static long seed(int actor, String name) {
        return 100L * (actor + 1) + name.length();
    }

    boolean isKnown(String name, MemorySegment value) {
        return Secrets.matches(value, before(name))
                || actors.stream().anyMatch(actor -> Secrets.matches(value, seed(actor.number, name)));
    }

    /** A name that no actor deletes is always there. */
    boolean mayList(List<String> names) {
        return names.contains("name 0") || has(Act.CLEANUP);
    }

    private boolean has(Act act) {
        return actors.stream().anyMatch(actor -> actor.act == act);
    }

    private boolean did(String call) {
        return actors.stream().anyMatch(actor -> actor.did(call));
    }

    /**
     * Throws where an invariant does not hold.
     *
     * @param killed whether the first actor was: then what it did is asked for once more
     */
    void judge(boolean killed) throws IOException {
        for (Actor actor : actors.subList(killed ? 1 : 0, actors.size())) {
            if (actor.failure != null) {
                throw new AssertionError(actor.act + " failed", actor.failure);
            }
            actor.said.forEach((call, text) -> judge(actor, call, text));
        }
        if (killed) {
            repair(actors.getFirst());
        }
        for (Actor actor : actors) {
            if (actor.said.getOrDefault("cleanup", "").contains(MADE)) {
                removeAgain(actor);
            }
        }
        if (did("cleanup")) {
            judgeRemoved();
        } else {
            judgeKept();
        }
    }

    private void repair(Actor dead) {
        String passphrase = opens("one") ? "one" : opens("two") ? "two" : "three";
        if (dead.act != Act.CLEANUP && !did("cleanup")) {
            try (var guard = open(passphrase, OpenMode.EXISTING)) {
                judgeValues(guard);
            }
        }
        if (did("cleanup") && !has(Act.MAKE)) {
            return;
        }
        boolean ofOther = did("rekey two") || did("rekey three");
        switch (dead.act) {
            case ROTATE -> repair(dead, "rotate", ofOther, passphrase, guard -> guard.rotate(Stores.SILENT));
            case REKEY -> {
                boolean over = passphrase.equals("two");
                repair(dead, "rekey two", ofOther, passphrase, guard -> {
                    if (!over) {
                        guard.rekey(keys("two"), Stores.SILENT);
                    }
                });
            }
            case ABORT ->
                repair(dead, "abort", ofOther, passphrase, guard -> {
                    if (metadata().next().isPresent()) {
                        guard.abortRekey(Stores.SILENT);
                    }
                });
            case CLEANUP -> removeAgain(dead);
            default -> {}
        }
    }

    private void removeAgain(Actor actor) {
        try (var guard = open(opens("two") ? "two" : opens("three") ? "three" : "one", OpenMode.OPEN_OR_CREATE)) {
            guard.cleanupAll();
        }
        actor.said.put("cleanup", "");
    }

    private void repair(Actor dead, String call, boolean ofOther, String passphrase, Consumer<MemGuard> work) {
        if (!ofOther) {
            try (var guard = open(passphrase, OpenMode.EXISTING)) {
                work.accept(guard);
            }
            dead.said.put(call, "");
        }
    }

    private boolean opens(String passphrase) {
        try {
            open(passphrase, OpenMode.EXISTING).close();
            return true;
        } catch (MemGuardException e) {
            return false;
        }
    }

    private void judge(Actor actor, String call, String text) {
        if (text.isEmpty()) {
            return;
        }
        assertFalse(text.lines().count() > 1 || text.contains("null") || text.contains("/proc/self"), text);
        boolean rekeyed = has(Act.REKEY) || has(Act.REKEY_ELSEWHERE);
        boolean change =
                List.of("rotate", "rekey two", "rekey three", "abort", "forget").contains(call);
        String code = text.substring(0, text.indexOf(' '));
        boolean allowed = switch (code) {
            case "STORE_FAILED" -> (change && text.contains("another call or process")) || has(Act.CLEANUP);
            case "KEY_INVALID" -> rekeyed || has(Act.CLEANUP) || (change && begin == Begin.INTERRUPTED);
            case "INVALID_ARGUMENTS" -> call.equals("abort") || (call.equals("open") && has(Act.CLEANUP));
            case "CLEANUP_FAILED" -> text.contains(MADE);
            default -> has(Act.CLEANUP) && !change;
        };
        assertTrue(allowed, () -> actor.act + " " + call + ": " + text);
    }

    private void judgeKept() throws IOException {
        boolean two = did("rekey two");
        boolean three = did("rekey three");
        assertFalse(two && three, "two changes by the provider before");
        String passphrase = two ? "two" : three ? "three" : "one";
        boolean changed = two || three || did("rotate");
        try (var guard = open(passphrase, OpenMode.EXISTING)) {
            judgeValues(guard);
        }
        if (!passphrase.equals("one")) {
            Stores.assertRefused(directory, () -> keys.of("one"));
        }
        boolean underWay = begin == Begin.INTERRUPTED && !changed && !did("abort");
        var metadata = metadata();
        assertEquals(underWay, metadata.next().isPresent(), "a change under way");
        assertTrue(metadata.old().isEmpty() && metadata.unfinished().isEmpty(), "keys left: " + metadata.old());
        assertEquals(underWay ? 2 : 1, keys.count(folder()), "keys");
        assertEquals(changed, !current().equals(key), "another key");
        boolean changes = has(Act.ROTATE) || has(Act.REKEY) || has(Act.REKEY_ELSEWHERE);
        assertTrue(changed || !changes || begin == Begin.INTERRUPTED, "every change was refused");
        assertNoTemporaries();
    }

    private void judgeValues(MemGuard guard) {
        var names = new TreeSet<String>();
        actors.forEach(actor -> names.addAll(actor.left.keySet()));
        for (int i = 0; i < VALUES; i++) {
            names.add("name " + i);
        }
        names.forEach(name -> judgeValue(guard, name));
        assertEquals(guard.list().size(), guard.stats().itemsCount(), "values and names");
    }

    private void judgeValue(MemGuard guard, String name) {
        var touched = actors.stream()
                .map(actor -> actor.left.get(name))
                .filter(Objects::nonNull)
                .toList();
        var right = touched.isEmpty() ? List.of(new long[] {before(name)}) : touched;
        boolean there = guard.contains(name);
        boolean is = right.stream()
                .flatMapToLong(java.util.Arrays::stream)
                .anyMatch(seed -> seed == ABSENT ? !there : there && Stores.holds(guard, name, seed));
        assertTrue(is, () -> "'" + name + "' is " + (there ? "another value" : "lost"));
    }

    private void judgeRemoved() throws IOException {
        assertNoTemporaries();
        if (Files.exists(folder().resolve("store.meta"))) {
            assertTrue(has(Act.MAKE), "the metadata is there");
            try (var guard = open("one", OpenMode.EXISTING)) {
                guard.list().forEach(name -> assertTrue(guard.contains(name)));
                assertEquals(guard.list().size(), guard.stats().itemsCount(), "values and names");
            }
            assertEquals(1, keys.count(folder()), "keys");
        } else {
            assertEquals(0, keys.count(folder()), "keys");
            try (Stream<Path> files = Files.list(folder())) {
                assertTrue(
                        files.noneMatch(
                                file -> String.valueOf(file.getFileName()).startsWith("mg_")),
                        "values");
            }
        }
    }

    private void assertNoTemporaries() throws IOException {
        try (Stream<Path> files = Files.list(folder())) {
            assertTrue(
                    files.noneMatch(file -> String.valueOf(file.getFileName()).startsWith(".tmp_")), "left-overs");
        }
    }

    private Metadata metadata() {
        try {
            return Metadata.parse(Files.readAllBytes(folder().resolve("store.meta")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String current() {
        return metadata().keyRecord().toString();
    }

    void close() {
        actors.forEach(Actor::close);
    }
}
