package io.memguard.consistency;

import static io.memguard.consistency.Call.ABSENT;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.Secrets;
import io.memguard.consistency.Call.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The checker itself: it finds what is wrong, and nothing else. */
class LinearizabilityTest {
    private static Call store(long value, long start, long end) {
        return new Call(Kind.STORE, value, start, end, true);
    }

    private static Call read(long value, long start, long end) {
        return new Call(Kind.READ, value, start, end, true);
    }

    private static Call delete(boolean found, long start, long end) {
        return new Call(Kind.DELETE, found ? 1 : 0, start, end, true);
    }

    private static Call contains(boolean found, long start, long end) {
        return new Call(Kind.CONTAINS, found ? 1 : 0, start, end, true);
    }

    private static Call killed(Kind kind, long value, long start, long end) {
        return new Call(kind, value, start, end, false);
    }

    private static void assertRight(Call... history) {
        assertTrue(Linearizability.firstViolation(List.of(history)).isEmpty());
    }

    private static void assertWrong(Call... history) {
        assertFalse(Linearizability.firstViolation(List.of(history)).isEmpty());
    }

    @Test
    void whatHappensOneAfterTheOtherHasOneOrder() {
        assertRight(read(ABSENT, 0, 1), store(7, 2, 3), read(7, 4, 5), delete(true, 6, 7), contains(false, 8, 9));
        assertRight(delete(false, 0, 1), store(7, 2, 3), store(8, 4, 5), read(8, 6, 7));
    }

    @Test
    void aReadDuringAStoreMaySeeEither() {
        assertRight(store(7, 0, 1), store(8, 2, 9), read(7, 3, 4), read(8, 5, 6), read(8, 10, 11));
        assertRight(store(7, 0, 1), delete(true, 2, 9), contains(true, 3, 4), contains(false, 5, 6));
    }

    @Test
    void aStaleReadIsFound() {
        assertWrong(store(7, 0, 1), store(8, 2, 3), read(7, 4, 5));
        assertWrong(store(7, 0, 1), delete(true, 2, 3), read(7, 4, 5));
    }

    @Test
    void aReadThatGoesBackIsFound() {
        assertWrong(store(7, 0, 1), store(8, 2, 9), read(8, 3, 4), read(7, 5, 6));
    }

    @Test
    void aLostStoreIsFound() {
        assertWrong(store(7, 0, 1), read(ABSENT, 2, 3));
        assertWrong(store(7, 0, 1), contains(false, 2, 3));
    }

    @Test
    void aValueThatWasNeverStoredIsFound() {
        assertWrong(store(7, 0, 1), read(9, 0, 5));
    }

    @Test
    void aSecondDeleteOfOneValueIsFound() {
        assertWrong(store(7, 0, 1), delete(true, 2, 5), delete(true, 3, 6));
        assertRight(store(7, 0, 1), delete(true, 2, 5), delete(false, 3, 6));
    }

    @Test
    void aKilledCallMayHaveWorkedUntilItsProcessWasDeadAndNotLater() {
        assertRight(store(7, 0, 1), killed(Kind.STORE, 8, 2, 9), read(7, 10, 11));
        assertRight(store(7, 0, 1), killed(Kind.STORE, 8, 2, 9), read(8, 10, 11));
        assertRight(store(7, 0, 1), killed(Kind.DELETE, 0, 2, 9), contains(false, 10, 11));
        assertWrong(store(7, 0, 1), killed(Kind.STORE, 8, 2, 9), read(7, 10, 11), read(8, 12, 13));
        assertWrong(store(7, 0, 1), killed(Kind.READ, 8, 2, 9), read(8, 10, 11));
    }

    /** A register that is used by several at once; one answer in it is replaced by one that is too old. */
    @Test
    void oneWrongAnswerAmongThousandsIsFound() {
        long seed = Secrets.seed();
        var random = new SplittableRandom(seed);
        for (int round = 0; round < 10; round++) {
            List<Call> history = history(random, 2_000);
            assertTrue(Linearizability.firstViolation(history).isEmpty());
            var reads = new ArrayList<Integer>();
            for (int i = 0; i < history.size(); i++) {
                if (history.get(i).kind() == Kind.READ
                        && staleValue(history, i) != history.get(i).value()) {
                    reads.add(i);
                }
            }
            int planted = reads.get(random.nextInt(reads.size()));
            Call right = history.get(planted);
            history.set(planted, read(staleValue(history, planted), right.start(), right.end()));
            assertFalse(Linearizability.firstViolation(history).isEmpty());
        }
    }

    /** The first value of all: it was overwritten long before. */
    private static long staleValue(List<Call> history, int read) {
        return history.get(read).start() > history.getFirst().end() + 1_000
                ? history.getFirst().value()
                : history.get(read).value();
    }

    /** The small histories of an exhaustive search, which knows no shortcuts. */
    @Test
    void itAgreesWithTryingEveryOrder() {
        var random = new SplittableRandom(Secrets.seed());
        int right = 0;
        for (int round = 0; round < 20_000; round++) {
            var history = new ArrayList<Call>();
            for (int i = 0; i < 6; i++) {
                long start = random.nextInt(12);
                Kind kind = Kind.values()[random.nextInt(4)];
                long value = kind == Kind.STORE ? 100 + i : kind == Kind.READ ? random.nextInt(7) : random.nextInt(2);
                boolean returned = random.nextInt(5) > 0;
                history.add(new Call(
                        kind,
                        kind == Kind.READ && value > 0 ? 99 + value : value,
                        start,
                        start + random.nextInt(6),
                        returned));
            }
            boolean possible = isPossible(history, ABSENT, 0);
            right += possible ? 1 : 0;
            assertEquals(possible, Linearizability.firstViolation(history).isEmpty(), history.toString());
        }
        assertTrue(right > 500 && right < 19_500, "both happen: " + right);
    }

    private static boolean isPossible(List<Call> history, long held, int done) {
        boolean all = true;
        for (int i = 0; i < history.size(); i++) {
            all &= (done >> i & 1) != 0 || !history.get(i).returned();
        }
        if (all) {
            return true;
        }
        for (int i = 0; i < history.size(); i++) {
            Call call = history.get(i);
            if ((done >> i & 1) == 0
                    && isFirst(history, call, done)
                    && isNextPossible(history, call, held, done | 1 << i)) {
                return true;
            }
        }
        return false;
    }

    /** Whether none of the others had ended before this one began. */
    private static boolean isFirst(List<Call> history, Call call, int done) {
        for (int i = 0; i < history.size(); i++) {
            if ((done >> i & 1) == 0 && history.get(i).end() < call.start()) {
                return false;
            }
        }
        return true;
    }

    private static boolean isNextPossible(List<Call> history, Call call, long held, int done) {
        return (!call.returned() && isPossible(history, held, done))
                || ((call.returned() || call.changes())
                        && call.fits(held)
                        && isPossible(history, call.after(held), done));
    }

    /** Eight callers of a register; each call takes place at one moment of its time. */
    private static List<Call> history(SplittableRandom random, int calls) {
        record Moment(long at, Kind kind, long start, long end) {}
        var moments = new ArrayList<Moment>();
        moments.add(new Moment(0, Kind.STORE, 0, 1));
        for (int i = 1; i < calls; i++) {
            long at = random.nextLong(2L, calls * 10L);
            Kind kind = random.nextInt(3) == 0 ? Kind.STORE : random.nextInt(4) == 0 ? Kind.DELETE : Kind.READ;
            moments.add(new Moment(at, kind, at - random.nextInt(40), at + random.nextInt(40)));
        }
        moments.sort((a, b) -> Long.compare(a.at(), b.at()));
        var history = new ArrayList<Call>();
        long held = ABSENT;
        long next = 1;
        for (Moment moment : moments) {
            long value = switch (moment.kind()) {
                case STORE -> next++;
                case DELETE -> held == ABSENT ? 0 : 1;
                default -> held;
            };
            var call = new Call(moment.kind(), value, moment.start(), moment.end(), true);
            history.add(call);
            held = call.after(held);
        }
        return history;
    }
}
