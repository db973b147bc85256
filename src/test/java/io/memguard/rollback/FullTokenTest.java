package io.memguard.rollback;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Progress;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.KeyProviders;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.tokens.FullToken;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A token that has no room for a record, or fails, at each of its writes in turn. */
class FullTokenTest {
    private static final Progress QUIET = (done, all) -> {};

    /** All of them take minutes: -Dtoken.every=1. */
    private static final int EVERY = Integer.getInteger("token.every", 61);

    @TempDir
    static Path libraries = Path.of("");

    @TempDir
    Path temporary = Path.of("");

    private static FullToken token;
    private int cases;
    private int chosen;
    private int stores;

    @BeforeAll
    static void build() {
        token = new FullToken(libraries);
    }

    /** What is done to a store that has a and b. */
    private enum Work {
        OVERWRITE(ErrorCode.STORE_FAILED, Map.of("a", "new", "b", "old")) {
            @Override
            void run(MemGuard guard) {
                store(guard, "a", "new");
            }
        },
        ADD(ErrorCode.STORE_FAILED, Map.of("a", "old", "b", "old", "c", "new")) {
            @Override
            void run(MemGuard guard) {
                store(guard, "c", "new");
            }
        },
        STORE_ALL(ErrorCode.STORE_FAILED, Map.of("a", "new", "b", "old", "c", "new")) {
            @Override
            void run(MemGuard guard) {
                try (var one = Secrets.text("new");
                        var two = Secrets.text("new")) {
                    var values = new LinkedHashMap<String, SecretBuffer>();
                    values.put("a", one);
                    values.put("c", two);
                    guard.storeAll(values);
                }
            }
        },
        DELETE(ErrorCode.DELETE_FAILED, Map.of("a", "old")) {
            @Override
            void run(MemGuard guard) {
                guard.delete("b");
            }
        },
        ROTATE(ErrorCode.STORE_FAILED, Map.of("a", "old", "b", "old")) {
            @Override
            void run(MemGuard guard) {
                guard.rotate(QUIET);
            }
        },
        REKEY(ErrorCode.STORE_FAILED, Map.of("a", "old", "b", "old")) {
            @Override
            void run(MemGuard guard) {
                guard.rekey(otherPassphrase(), QUIET);
            }
        },
        END(ErrorCode.STORE_FAILED, Map.of("a", "old", "b", "old")) {
            @Override
            void run(MemGuard guard) {
                guard.disableRollbackDetection();
            }
        };

        private final ErrorCode code;
        private final Map<String, String> after;

        Work(ErrorCode code, Map<String, String> after) {
            this.code = code;
            this.after = after;
        }

        abstract void run(MemGuard guard);

        /** Only a key that lies in a file of its own can be lost by a change of it. */
        KeyProvider keys() {
            return switch (this) {
                case ROTATE -> RollbackWorker.keys();
                case REKEY -> KeyProviders.firstOf(RollbackWorker.keys(), otherPassphrase());
                default -> new FixedKeys(1);
            };
        }
    }

    private static KeyProvider otherPassphrase() {
        return SoftwareKeys.passphrase(() -> Secrets.text("another passphrase")).cost(1, 8 << 20);
    }

    private static void store(MemGuard guard, String name, String value) {
        try (var secret = Secrets.text(value)) {
            guard.store(name, secret);
        }
    }

    private static Optional<String> cold(MemGuard guard, String name) {
        guard.cleanupMemory();
        return guard.secret(name).map(secret -> secret.<String, RuntimeException>read(Secrets::text));
    }

    /** A store of its own for each case. */
    private record Place(Path directory, Supplier<KeyProvider> keys) {
        MemGuard open() {
            return MemGuard.at(directory)
                    .keys(keys.get())
                    .detectRollback(token.records())
                    .open();
        }

        /** One that failed to end the detection may have ended it. */
        MemGuard open(Work work) {
            try {
                return open();
            } catch (MemGuardException e) {
                if (work != Work.END || e.code() != ErrorCode.SECURITY_ERROR) {
                    throw e;
                }
                return openUnguarded();
            }
        }

        MemGuard openUnguarded() {
            return MemGuard.at(directory).keys(keys.get()).open();
        }

        long accept() {
            return MemGuard.at(directory)
                    .keys(keys.get())
                    .detectRollback(token.records())
                    .trustCurrentState(QUIET);
        }

        List<Path> valueFiles() throws IOException {
            try (Stream<Path> all = Files.list(directory.resolve("memguard_secure"))) {
                return all.filter(file -> file.toString().endsWith(".dat")).toList();
            }
        }
    }

    private Place place(Supplier<KeyProvider> keys) {
        return new Place(temporary.resolve("store" + stores++), keys);
    }

    @Test
    void aTokenThatIsFullLosesNothing() throws Exception {
        for (Work work : Work.values()) {
            for (boolean inPlace : List.of(false, true)) {
                long writes = writes(work, inPlace);
                for (var fault : FullToken.Fault.values()) {
                    for (long nth = 1; nth <= writes; nth++) {
                        for (boolean byAnother : List.of(false, true)) {
                            if (chosen++ % EVERY == 0) {
                                fail(work, inPlace, fault, nth, byAnother);
                            }
                        }
                    }
                }
            }
        }
        System.out.println(cases + " of " + chosen + " failures of a token");
        assertTrue(cases >= chosen / EVERY / 2, cases + " cases");
    }

    /** Where a value, a key or the whole store was lost once: the others of these are sampled only. */
    @Test
    void whatWasLostOnceIsNot() throws Exception {
        fail(Work.OVERWRITE, false, FullToken.Fault.LOST_SILENTLY, 1, false); // The record.
        fail(Work.OVERWRITE, false, FullToken.Fault.FULL, 2, false); // The value could not be read meanwhile.
        fail(Work.ROTATE, false, FullToken.Fault.BROKEN, 3, false); // What another one had stored under the next key.
        fail(Work.ROTATE, false, FullToken.Fault.BROKEN, 3, true); // The next key, thus the whole store.
        fail(Work.ROTATE, false, FullToken.Fault.FULL, 9, false); // The store could not be opened meanwhile.
    }

    private Place stored(Work work, boolean inPlace) {
        token.clear(inPlace);
        Place place = place(work::keys);
        try (var guard = place.open()) {
            store(guard, "a", "old");
            store(guard, "b", "old");
        }
        return place;
    }

    private long writes(Work work, boolean inPlace) {
        try (var guard = stored(work, inPlace).open()) {
            return token.writesOf(() -> work.run(guard));
        }
    }

    /** @param byAnother whether somebody else, who opens the store then, does the work again */
    private void fail(Work work, boolean inPlace, FullToken.Fault fault, long nth, boolean byAnother) throws Exception {
        String what = work + (inPlace ? " in place, " : ", ") + fault + " at write " + nth
                + (byAnother ? ", done again by another" : "");
        Place place = stored(work, inPlace);
        try (var guard = place.open()) {
            token.failAt(nth, fault);
            Optional<MemGuardException> failure = failure(() -> work.run(guard));
            failure.ifPresent(e -> assertEquals(work.code, e.code(), what + ": " + e.getMessage()));
            failure.ifPresent(e -> assertAdvice(fault, e));
            assertNothingIsLost(guard, work, failure.isPresent(), what);
            try (var other = place.open(work)) { // The token still fails.
                assertNothingIsLost(other, work, failure.isPresent(), what);
            }
            cases += token.works() > 0 ? 1 : 0;
            try (var other = place.open(work)) {
                store(other, "d", "kept");
                assertDoesNotThrow(() -> work.run(byAnother ? other : guard), what);
            }
            assertEquals(Optional.of("kept"), cold(guard, "d"), what);
            assertNothingIsLost(guard, work, false, what);
            finish(place, work, what);
        }
    }

    private static Optional<MemGuardException> failure(Runnable work) {
        try {
            work.run();
            return Optional.empty();
        } catch (MemGuardException e) {
            return Optional.of(e);
        }
    }

    private static void assertAdvice(FullToken.Fault fault, MemGuardException e) {
        String says = fault == FullToken.Fault.FULL || fault == FullToken.Fault.LOST_SILENTLY
                ? "the token has no room for more"
                : "the device or its service fails";
        assertTrue(e.getMessage().contains(says), e.getMessage());
    }

    private static void assertNothingIsLost(MemGuard guard, Work work, boolean failed, String what) {
        for (String name : List.of("a", "b", "c")) {
            var after = Optional.ofNullable(work.after.get(name));
            var before = name.equals("c") ? Optional.<String>empty() : Optional.of("old");
            Optional<String> found = assertDoesNotThrow(() -> cold(guard, name), () -> name + " after " + what);
            assertTrue(
                    found.equals(after) || (failed && found.equals(before)), name + " is " + found + " after " + what);
        }
    }

    /** Once there is room again, all goes on, and what is put back is found out, unless that was ended. */
    private static void finish(Place place, Work work, String what) throws Exception {
        if (work == Work.END) {
            try (var guard = place.openUnguarded()) {
                assertNothingIsLost(guard, work, false, what);
            }
            return;
        }
        try (var guard = place.open()) {
            assertNothingIsLost(guard, work, false, what);
            var old = new LinkedHashMap<Path, byte[]>();
            for (Path file : place.valueFiles()) {
                old.put(file, Files.readAllBytes(file));
            }
            for (String name : work.after.keySet()) {
                store(guard, name, "newest");
            }
            for (var file : old.entrySet()) {
                Files.write(file.getKey(), file.getValue());
            }
            for (String name : work.after.keySet()) {
                var refused = assertThrows(MemGuardException.class, () -> cold(guard, name), what);
                assertEquals(ErrorCode.SECURITY_ERROR, refused.code(), what);
            }
        }
    }

    @Test
    void aTokenThatIsFullWhenTheRecordsBeginLeavesTheStoreAsItWas() throws Exception {
        for (var fault : FullToken.Fault.values()) {
            boolean failed = true;
            for (int nth = 1; failed; nth++) {
                failed = beginningFails(fault, nth);
            }
        }
    }

    private boolean beginningFails(FullToken.Fault fault, int nth) throws Exception {
        String what = fault + " at write " + nth;
        token.clear(nth % 2 == 0);
        Place place = place(() -> new FixedKeys(1));
        String id;
        try (var guard = place.openUnguarded()) {
            store(guard, "a", "old");
            store(guard, "b", "old");
            id = guard.storeId();
        }
        token.failAt(nth, fault);
        Optional<MemGuardException> failure = failure(place::accept);
        failure.ifPresent(e -> assertEquals(ErrorCode.STORE_FAILED, e.code(), what));
        failure.ifPresent(e -> assertAdvice(fault, e));
        token.works();
        boolean begun = nth > 3; // One write for each value, and one for the metadata before they change.
        if (!begun && fault != FullToken.Fault.BROKEN) {
            assertEquals(List.of(), token.records().ids(id), what + ": nothing stays in the token");
        }
        if (!begun) {
            try (var guard = place.openUnguarded()) {
                assertNothingIsLost(guard, Work.END, false, what);
            }
        }
        assertEquals(0, place.accept(), what);
        finish(place, Work.ROTATE, what);
        return failure.isPresent();
    }

    @Test
    void aTokenThatFailsWhenAStoreIsRemovedKeepsNoRecordOfItsSecrets() throws Exception {
        for (var fault : List.of(FullToken.Fault.BROKEN, FullToken.Fault.DONE_NEVERTHELESS)) {
            boolean failed = true;
            int failures = 0;
            for (int nth = 1; failed; nth++) {
                Place place = stored(Work.DELETE, false);
                String what = fault + " at write " + nth;
                try (var guard = place.open()) {
                    String id = guard.storeId();
                    token.failAt(nth, fault);
                    Optional<MemGuardException> failure = failure(guard::cleanupAll);
                    failure.ifPresent(e -> assertEquals(ErrorCode.CLEANUP_FAILED, e.code(), what));
                    failed = token.works() > 0;
                    failures += failed ? 1 : 0;
                    assertTrue(failure.isPresent() || !failed || fault != FullToken.Fault.BROKEN, what);
                    boolean removed = MemGuard.describe(place.directory()).isEmpty();
                    if (!removed) {
                        guard.cleanupAll();
                    }
                    // What says that a store was, not which secrets.
                    assertTrue(token.records().ids(id).size() <= (removed && failed ? 1 : 0), what);
                }
            }
            assertEquals(7, failures, "the records of a, of b, and of the metadata, which changes before it goes");
        }
    }

    @Test
    void aTokenThatIsFullWhenAStoreIsMadeLeavesNone() {
        for (var fault : FullToken.Fault.values()) {
            boolean failed = true;
            for (int nth = 1; failed; nth++) {
                token.clear(false);
                token.failAt(nth, fault);
                Place place = place(RollbackWorker::keys);
                Optional<MemGuardException> failure = failure(() -> place.open().close());
                failed = token.works() > 0;
                assertEquals(failed, MemGuard.describe(place.directory()).isEmpty(), fault + " at write " + nth);
                failure.ifPresent(e -> assertEquals(ErrorCode.STORE_FAILED, e.code()));
                failure.ifPresent(e -> assertAdvice(fault, e));
                try (var guard = place.open()) {
                    store(guard, "a", "value");
                }
            }
        }
    }
}
