package io.memguard.consistency;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Whether the calls on one secret can be put in an order that a single register would give, each at some moment between
 * its start and its end (Herlihy and Wing, 1990). Goes through the history once and keeps every state that is possible so
 * far (Lowe's just-in-time linearization, 2017). What only looks takes place as soon as it fits, which loses no order.
 */
final class Linearizability {
    /** So many calls may run at once. */
    private static final int SLOTS = 64;

    private final @Nullable Call[] open = new Call[SLOTS];
    private Set<State> states = new HashSet<>(Set.of(new State(Call.ABSENT, 0)));

    private Linearizability() {}

    /** @param done the open calls that have taken place, a bit for each */
    private record State(long held, long done) {
        boolean has(int slot) {
            return (done >> slot & 1) != 0;
        }
    }

    private record Event(Call call, long time, boolean isEnd) {}

    /** The first call that has no place in any order; nothing where all have one. The secret is absent at first. */
    static Optional<Call> firstViolation(List<Call> history) {
        var events = new ArrayList<Event>();
        for (Call call : history) {
            if (call.returned() || call.changes()) {
                events.add(new Event(call, call.start(), false));
                events.add(new Event(call, call.end(), true));
            }
        }
        events.sort(Comparator.comparingLong(Event::time).thenComparing(Event::isEnd));
        var checker = new Linearizability();
        for (Event event : events) {
            if (!event.isEnd()) {
                checker.start(event.call());
            } else if (!checker.end(event.call())) {
                return Optional.of(event.call());
            }
        }
        return Optional.empty();
    }

    private void start(Call call) {
        int slot = slotOf(null);
        open[slot] = call;
        var next = new HashSet<State>();
        states.forEach(state -> next.add(withLooks(state.held(), state.done())));
        states = next;
    }

    private boolean end(Call call) {
        int slot = slotOf(call);
        var next = new HashSet<State>();
        var seen = new HashSet<>(states);
        var left = new ArrayDeque<>(states);
        while (!left.isEmpty()) {
            State state = left.remove();
            if (state.has(slot) || !call.returned()) {
                next.add(new State(state.held(), state.done() & ~(1L << slot)));
            }
            if (!state.has(slot)) {
                for (State other : changed(state)) {
                    if (seen.add(other)) {
                        left.add(other);
                    }
                }
            }
        }
        open[slot] = null;
        states = next;
        return !states.isEmpty();
    }

    /** All states after one more of the open calls that change something. */
    private List<State> changed(State state) {
        var after = new ArrayList<State>();
        for (int slot = 0; slot < SLOTS; slot++) {
            Call call = open[slot];
            if (call != null && call.changes() && !state.has(slot) && call.fits(state.held())) {
                after.add(withLooks(call.after(state.held()), state.done() | 1L << slot));
            }
        }
        return after;
    }

    private State withLooks(long held, long done) {
        long all = done;
        for (int slot = 0; slot < SLOTS; slot++) {
            Call call = open[slot];
            if (call != null && !call.changes() && call.fits(held)) {
                all |= 1L << slot;
            }
        }
        return new State(held, all);
    }

    private int slotOf(@Nullable Call call) {
        for (int slot = 0; slot < SLOTS; slot++) {
            if (open[slot] == call) {
                return slot;
            }
        }
        throw new AssertionError("more than " + SLOTS + " calls at once");
    }
}
