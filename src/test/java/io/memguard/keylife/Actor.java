package io.memguard.keylife;

import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** One who works on the store, and what became of each of its calls. */
final class Actor {
    private final Scene scene;
    final int number;
    final Act act;

    /** By the name of the call; empty where it returned normally. */
    final Map<String, String> said = new LinkedHashMap<>();

    /** What each of its secrets must have afterwards, one of these: the seed of a value, or {@link Scene#ABSENT}. */
    final Map<String, long[]> left = new LinkedHashMap<>();

    volatile @Nullable Throwable failure;
    private @Nullable MemGuard guard;

    Actor(Scene scene, int number, Act act) {
        this.scene = scene;
        this.number = number;
        this.act = act;
        if (act.opened) {
            guard = scene.open("one", OpenMode.EXISTING);
        }
    }

    void run() {
        try {
            act.work.by(this);
        } catch (MemGuardException e) {
            said.put("open", e.code() + " " + e.getMessage());
        } catch (Throwable e) {
            failure = e;
        }
    }

    void close() {
        if (guard != null) {
            guard.close();
        }
    }

    boolean did(String call) {
        return "".equals(said.get(call));
    }

    void call(String name, Consumer<MemGuard> call) {
        try {
            call.accept(Objects.requireNonNull(guard));
            said.put(name, "");
        } catch (MemGuardException e) {
            said.put(name, e.code() + " " + e.getMessage());
        }
    }

    void open(OpenMode mode) {
        guard = scene.open("one", mode);
        said.put("open", "");
    }

    void rekey(String passphrase) {
        call("rekey " + passphrase, guard -> guard.rekey(scene.keys(passphrase), Stores.SILENT));
    }

    void cleanup() {
        call("cleanup", MemGuard::cleanupAll);
    }

    void store(String name) {
        String own = name.equals("own") ? "own " + number : name;
        long seed = Scene.seed(number, own);
        left.put(own, new long[] {seed, Scene.before(own)}); // Killed, or refused: either.
        call("store " + own, guard -> {
            try (var value = Secrets.random(40, seed)) {
                guard.store(own, value);
            }
            left.put(own, new long[] {seed});
        });
    }

    void delete(String name) {
        left.put(name, new long[] {Scene.ABSENT, Scene.before(name)});
        call("delete " + name, guard -> {
            guard.delete(name);
            left.put(name, new long[] {Scene.ABSENT});
        });
    }

    /** Whatever it reads is judged: no call may give a value that nobody stored. */
    void read(String name) {
        String own = name.equals("own") ? "own " + number : name;
        call("read " + own, guard -> {
            guard.cleanupMemory();
            boolean known = guard.<Boolean, RuntimeException>read(own, value -> scene.isKnown(own, value));
            if (!known) {
                throw new AssertionError(own + " has a value that nobody stored");
            }
        });
    }

    void list() {
        call("list", guard -> {
            var names = guard.list();
            if (!scene.mayList(names)) {
                throw new AssertionError("names are missing: " + names);
            }
        });
    }

    void deleteTemporaries() {
        call("meddle", guard -> {
            try (Stream<Path> files = Files.list(scene.folder())) {
                for (Path file : (Iterable<Path>) files::iterator) {
                    if (String.valueOf(file.getFileName()).startsWith(".tmp_")) {
                        Files.deleteIfExists(file);
                    }
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }
}
