package io.memguard.crash;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;

/**
 * One thing done to a store.
 *
 * @param value what is stored; its size and bytes follow from it
 */
record Step(Kind kind, String name, long value) {
    enum Kind {
        OPEN,
        CLOSE,
        STORE,
        STORE_ALL,
        DELETE,
        ROTATE,
        CLEANUP
    }

    static final List<String> NAMES = List.of("a", "b", "c", "d");

    /** What is stored together: the values follow each other in number. */
    static final List<String> TOGETHER = List.of("b", "d", "a");

    /** Sizes from 0 to some blocks of a disk. */
    static int size(long value) {
        return (int) Math.floorMod(value * 2_654_435_761L, 9_001L);
    }

    /** What a store holds: names and values. */
    Map<String, Long> after(Map<String, Long> before) {
        var after = new TreeMap<>(before);
        switch (kind) {
            case STORE -> after.put(name, value);
            case STORE_ALL -> TOGETHER.forEach(each -> after.put(each, value + TOGETHER.indexOf(each)));
            case DELETE -> after.remove(name);
            case CLEANUP -> after.clear();
            case OPEN, CLOSE, ROTATE -> {}
        }
        return after;
    }

    /** Whether an unfinished step may have changed this name, each by itself. */
    boolean touches(String other) {
        return kind == Kind.CLEANUP
                || (kind == Kind.STORE_ALL && TOGETHER.contains(other))
                || ((kind == Kind.STORE || kind == Kind.DELETE) && name.equals(other));
    }

    /** Every kind of step at least once, then random ones, then all is removed and begun anew. */
    static List<Step> scenario(long seed, int random) {
        var numbers = new SplittableRandom(seed);
        var steps = new ArrayList<Step>();
        steps.add(of(Kind.OPEN));
        steps.add(store("a", numbers));
        steps.add(store("a", numbers));
        steps.add(store("b", numbers));
        steps.add(new Step(Kind.DELETE, "a", 0));
        steps.add(store("a", numbers));
        steps.add(storeAll(numbers));
        steps.add(of(Kind.ROTATE));
        for (int i = 0; i < random; i++) {
            String name = NAMES.get(numbers.nextInt(NAMES.size()));
            switch (numbers.nextInt(10)) {
                case 0 -> {
                    steps.add(of(Kind.CLOSE));
                    steps.add(of(Kind.OPEN));
                }
                case 3 -> steps.add(of(Kind.ROTATE));
                case 4 -> steps.add(storeAll(numbers));
                case 1, 2 -> steps.add(new Step(Kind.DELETE, name, 0));
                default -> steps.add(store(name, numbers));
            }
        }
        steps.add(store("c", numbers));
        steps.add(of(Kind.ROTATE));
        steps.add(of(Kind.CLEANUP));
        steps.add(of(Kind.CLOSE));
        steps.add(of(Kind.OPEN));
        steps.add(store("d", numbers));
        steps.add(of(Kind.CLOSE));
        return steps;
    }

    private static Step of(Kind kind) {
        return new Step(kind, "", 0);
    }

    private static Step storeAll(SplittableRandom numbers) {
        return new Step(Kind.STORE_ALL, "", numbers.nextInt(1, 1 << 30));
    }

    private static Step store(String name, SplittableRandom numbers) {
        return new Step(Kind.STORE, name, numbers.nextInt(1, 1 << 30));
    }
}
