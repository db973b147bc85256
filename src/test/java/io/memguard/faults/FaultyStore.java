package io.memguard.faults;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import io.memguard.crash.Filetrace;
import io.memguard.crash.NumberedKeys;
import io.memguard.keys.software.SoftwareKeys;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The JVM whose calls fail: tries every operation with every fault, and looks at the store after each. */
final class FaultyStore {
    private static final int INTERRUPTED = 4;
    private static final int EIO = 5;
    private static final Map<String, Integer> ERRORS = new LinkedHashMap<>();

    static {
        ERRORS.put("ENOSPC", 28);
        ERRORS.put("EIO", EIO);
        ERRORS.put("EDQUOT", 122);
        ERRORS.put("EMFILE", 24);
        ERRORS.put("EACCES", 13);
        ERRORS.put("EROFS", 30);
        ERRORS.put("EINTR", INTERRUPTED);
        ERRORS.put("half", Filetrace.SHORT);
    }

    /** Longer than what is written in one piece. */
    private static final String LONG = "new".repeat(5_000);

    private final Filetrace trace = new Filetrace();
    private final Path root;
    private final int every;
    private MemGuard guard;
    private int directories;
    private long faults;
    private long tries;
    private long bad;

    /** Something to do, the error code it may give, and what "a" holds before and after. */
    private record Operation(
            String what,
            ErrorCode code,
            @Nullable String before,
            @Nullable String after,
            Runnable action) {}

    private FaultyStore(Path root, int every) {
        this.root = root;
        this.every = every;
        this.guard = open(root.resolve("store"));
    }

    public static void main(String[] arguments) {
        var store = new FaultyStore(Path.of(arguments[0]), Integer.parseInt(arguments[1]));
        store.run();
        store.neverWithoutSync();
        store.neverWithoutKey();
        store.neverUnderALostKey();
        System.out.println(store.tries + " runs with " + store.trace.faults() + " failed calls, " + store.bad + " bad");
        System.exit(store.bad == 0 ? 0 : 1);
    }

    private static MemGuard open(Path directory) {
        return MemGuard.at(directory).keys(new NumberedKeys()).open();
    }

    private void run() {
        for (Operation operation : List.of(
                new Operation("store", ErrorCode.STORE_FAILED, null, LONG, () -> put("a", LONG)),
                new Operation("overwrite", ErrorCode.STORE_FAILED, "old", LONG, () -> put("a", LONG)),
                new Operation("storeAll", ErrorCode.STORE_FAILED, "old", LONG, () -> putAll(LONG, "other")),
                new Operation("rotate", ErrorCode.STORE_FAILED, "old", "old", () -> guard.rotate((done, total) -> {})),
                new Operation("delete", ErrorCode.DELETE_FAILED, "old", null, () -> guard.delete("a")),
                new Operation("read", ErrorCode.RETRIEVE_FAILED, "old", "old", () -> require("old", get("a"))),
                new Operation(
                        "contains", ErrorCode.CONTAINS_FAILED, "old", "old", () -> require(true, guard.contains("a"))),
                new Operation(
                        "list",
                        ErrorCode.RETRIEVE_FAILED,
                        "old",
                        "old",
                        () -> require(List.of("a", "b"), guard.list())),
                new Operation("stats", ErrorCode.GETSTATS_FAILED, "old", "old", () -> guard.stats()),
                new Operation(
                        "open",
                        ErrorCode.RETRIEVE_FAILED,
                        "old",
                        "old",
                        () -> open(root.resolve("store")).close()),
                new Operation(
                        "init",
                        ErrorCode.STORE_FAILED,
                        "old",
                        "old",
                        () -> open(root.resolve("d" + directories).resolve("e")).close()),
                new Operation("cleanup", ErrorCode.CLEANUP_FAILED, "old", null, () -> guard.cleanupAll()))) {
            tryAll(operation);
        }
    }

    /** While the disk can't sync, nothing is acknowledged, however often it is tried. */
    private void neverWithoutSync() {
        for (Runnable change :
                List.<Runnable>of(() -> put("a", "new"), () -> put("b", "new"), () -> guard.delete("b"))) {
            guard.delete("a");
            put("b", "old");
            trace.faultSyncs(EIO);
            for (int i = 0; i < 3; i++) {
                try {
                    change.run();
                    bad++;
                    System.out.println("BAD a change was acknowledged without a sync, at attempt " + i);
                } catch (MemGuardException e) {
                    // As it must be.
                }
            }
            trace.fault(0, 0, 0);
            change.run();
        }
    }

    /** A cleanup that failed midway leaves a store that still opens, as long as it has its metadata. */
    private void neverWithoutKey() {
        for (String error : List.of("EIO", "EACCES")) {
            boolean hit = true;
            for (long call = 1; hit; call++) {
                Path directory = root.resolve("key-" + error + call);
                try (var owner = openWithPassphrase(directory);
                        var value = Secrets.text("old")) {
                    owner.store("a", value);
                    trace.fault(call, 1, ERRORS.get(error));
                    owner.cleanupAll();
                } catch (MemGuardException e) {
                    require(ErrorCode.CLEANUP_FAILED, e.code());
                }
                hit = !trace.failedKind().isEmpty();
                trace.fault(0, 0, 0);
                tries++;
                try (var owner = openWithPassphrase(directory);
                        var value = Secrets.text("new")) {
                    owner.store("b", value);
                    require("new", owner.<String, RuntimeException>read("b", Secrets::text));
                    owner.cleanupAll();
                } catch (MemGuardException e) {
                    bad++;
                    System.out.println("BAD after a cleanup with " + error + " at call " + call + ": " + e);
                }
            }
        }
    }

    /** A rotation that failed at any call leaves a key that the metadata name, and that all others write under. */
    private void neverUnderALostKey() {
        for (String error : List.of("EIO", "EACCES")) {
            String kind = "any";
            for (long call = 1; !kind.isEmpty(); call++) {
                long failing = call;
                kind = rotate(error + " at call " + call, () -> trace.fault(failing, 1, ERRORS.get(error)));
            }
        }
        rotate("no sync at all", () -> trace.faultSyncs(EIO));
    }

    /** Returns what kind of call failed. */
    private String rotate(String what, Runnable fault) {
        Path directory = root.resolve("rotation, " + what);
        String kind = "";
        try (var owner = openWithPassphrase(directory);
                var other = openWithPassphrase(directory);
                var value = Secrets.text("old")) {
            owner.store("a", value);
            fault.run();
            try {
                owner.rotate((done, total) -> {});
            } catch (MemGuardException e) {
                // All is under the next key, only the old one is still there.
                require(true, e.code() == ErrorCode.STORE_FAILED || e.code() == ErrorCode.CLEANUP_FAILED);
            } finally {
                kind = trace.failedKind();
                trace.fault(0, 0, 0);
            }
            if (kind.equals("lock")) {
                return kind; // One that is not given back is held until its owner ends.
            }
            tries++;
            other.store("b", value);
            owner.rotate((done, total) -> {});
            try (var fresh = openWithPassphrase(directory)) {
                require("old", fresh.<String, RuntimeException>read("a", Secrets::text));
                require("old", fresh.<String, RuntimeException>read("b", Secrets::text));
            }
        } catch (RuntimeException | Error e) {
            bad++;
            System.out.println("BAD after a rotation, " + what + " (" + kind + "): " + e);
        }
        return kind;
    }

    private static MemGuard openWithPassphrase(Path directory) {
        var keys = SoftwareKeys.passphrase(() -> Secrets.text("correct horse")).cost(1, 8 << 20);
        return MemGuard.at(directory).keys(keys).open();
    }

    private void tryAll(Operation operation) {
        prepare(operation);
        long before = trace.calls();
        operation.action().run();
        long calls = trace.calls() - before;
        reopen();
        var outcomes = new TreeMap<String, Integer>();
        ERRORS.forEach((name, error) -> {
            for (long call = 1; call <= calls; call++) {
                for (long count : new long[] {1, 1000}) {
                    if (faults++ % every != 0) {
                        continue;
                    }
                    outcomes.merge(tryOne(operation, name, error, call, count), 1, Integer::sum);
                }
            }
        });
        System.out.println(operation.what() + ": " + calls + " calls; " + outcomes);
    }

    private String tryOne(Operation operation, String name, int error, long call, long count) {
        prepare(operation);
        tries++;
        Throwable failure = null;
        trace.fault(call, count, error);
        try {
            operation.action().run();
        } catch (RuntimeException | Error e) {
            failure = e;
        }
        String kind = trace.failedKind();
        trace.fault(0, 0, 0);
        String where = operation.what() + ", " + name + " at call " + call + (count > 1 ? " and after" : "") + " ("
                + kind + ")";
        try {
            check(operation, failure, kind.equals("sync") && error != INTERRUPTED);
        } catch (RuntimeException | Error e) {
            bad++;
            System.out.println("BAD " + where + ": " + e + "; it gave " + failure);
            reopen();
        }
        return failure == null
                ? "done"
                : failure instanceof MemGuardException e ? e.code().name() : "bad";
    }

    /** Brings the store into the state before an operation. */
    private void prepare(Operation operation) {
        directories++;
        put("b", "other");
        if (operation.before() == null) {
            guard.delete("a");
        } else {
            put("a", operation.before());
        }
        guard.cleanupMemory();
    }

    private void check(Operation operation, @Nullable Throwable failure, boolean unsynced) {
        if (failure == null) {
            require(false, unsynced);
        } else if (failure instanceof MemGuardException e) {
            // A store that was made, but could not be opened then.
            boolean opening = operation.what().equals("init") && e.code() == ErrorCode.RETRIEVE_FAILED;
            require(true, e.code() == operation.code() || opening);
            String message = String.valueOf(e.getMessage());
            require(false, message.contains("\n") || message.contains("null") || message.length() < 30);
        } else {
            throw new AssertionError("no MemGuardException", failure);
        }
        if (operation.what().equals("cleanup")) {
            if (failure != null) {
                cleanUpAgain();
            }
            reopen();
            require(List.of(), guard.list());
            return;
        }
        String there = guard.contains("a") ? get("a") : null;
        if (failure == null || !Objects.equals(there, operation.before())) {
            require(operation.after(), there);
        }
        if (failure != null) {
            String message = String.valueOf(failure.getMessage());
            if (message.startsWith("1 of 2 ")) {
                require(operation.after(), there);
            } else if (message.contains("unchanged")) {
                require(operation.before(), there);
            }
        }
        require("other", get("b"));
        // The next call works, and also a process that starts now sees the same.
        operation.action().run();
        try (var other = open(root.resolve("store"))) {
            require(operation.after() == null ? List.of("b") : List.of("a", "b"), other.list());
            require((long) other.list().size(), other.stats().itemsCount());
            require("other", other.<String, RuntimeException>read("b", Secrets::text));
        }
    }

    private void cleanUpAgain() {
        try {
            guard.cleanupAll();
        } catch (MemGuardException e) {
            require(ErrorCode.KEY_INVALID, e.code()); // All was removed the first time, if perhaps not durably.
        }
    }

    private void reopen() {
        guard.close();
        guard = open(root.resolve("store"));
    }

    private void put(String name, String value) {
        try (var buffer = Secrets.text(value)) {
            guard.store(name, buffer);
        }
    }

    /** In this order, of which the message of a failure speaks. */
    private void putAll(String a, String b) {
        try (var first = Secrets.text(a);
                var second = Secrets.text(b)) {
            var values = new LinkedHashMap<String, SecretBuffer>();
            values.put("a", first);
            values.put("b", second);
            guard.storeAll(values);
        }
    }

    private String get(String name) {
        return guard.<String, RuntimeException>read(name, Secrets::text);
    }

    private static void require(@Nullable Object expected, @Nullable Object actual) {
        if (!Objects.equals(expected, actual)) {
            throw new AssertionError("expected " + shown(expected) + ", but " + shown(actual));
        }
    }

    private static String shown(@Nullable Object value) {
        String text = String.valueOf(value);
        return text.length() < 100 ? text : text.substring(0, 10) + "… (" + text.length() + " characters)";
    }
}
