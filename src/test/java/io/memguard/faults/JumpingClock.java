package io.memguard.faults;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.crash.NumberedKeys;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The JVM whose clock of the wall is set back and forth by years while it uses a store. */
final class JumpingClock {
    private static final long YEARS = 10 * 365L * 86_400;

    private final MethodHandle jump;

    private JumpingClock() {
        var library = SymbolLookup.libraryLookup(System.getenv("LD_PRELOAD"), Arena.global());
        jump = Linker.nativeLinker()
                .downcallHandle(
                        library.find("clock_jump").orElseThrow(), FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));
    }

    public static void main(String[] arguments) {
        var clock = new JumpingClock();
        Path directory = Path.of(arguments[0]);
        long[] jumps = {-YEARS, YEARS, YEARS, -YEARS};
        for (int i = 0; i < jumps.length; i++) {
            long jump = jumps[i]; // A store each: how often a value is read directly counts for the process.
            try (var guard = MemGuard.at(directory.resolve("store " + i))
                    .keys(new NumberedKeys())
                    .open()) {
                clock.live(guard, jump);
            }
        }
        System.out.println("fine");
    }

    private void jump(long seconds) {
        long before = System.currentTimeMillis();
        try {
            jump.invokeExact(seconds);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
        long moved = (System.currentTimeMillis() - before) / 1000;
        if (Math.abs(moved - seconds) > 3_600) {
            throw new AssertionError("the clock has not jumped, but moved by " + moved);
        }
    }

    private void live(MemGuard guard, long seconds) {
        put(guard, "a", "before");
        try (var value = Secrets.text("memory")) {
            guard.storeEphemeral("lasting", value, Duration.ofHours(1), Duration.ofHours(1));
            guard.storeEphemeral("short", value, Duration.ofSeconds(1));
        }
        for (int i = 0; i < 5; i++) {
            guard.retrieveDirect("a");
        }
        jump(seconds);
        require("before", get(guard, "a"));
        require("memory", get(guard, "lasting"));
        put(guard, "a", "after");
        guard.cleanupMemory();
        try (var value = Secrets.text("memory")) {
            guard.storeEphemeral("later", value, Duration.ofHours(1), Duration.ofHours(1));
        }
        require("after", get(guard, "a"));
        require("memory", get(guard, "later"));
        guard.rotate((done, total) -> {});
        require(List.of("a"), guard.list().stream().filter("a"::equals).toList());
        require(1L, guard.stats().itemsCount());
        requireLimited(guard);
        while (guard.contains("short")) {
            Thread.onSpinWait(); // Its second is one of a clock that only goes on.
        }
        require(true, guard.delete("a"));
        require(false, guard.contains("a"));
    }

    /** Neither sooner nor later than within a minute. */
    private static void requireLimited(MemGuard guard) {
        try {
            guard.retrieveDirect("a");
            throw new AssertionError("a jump of the clock has lifted the limit");
        } catch (MemGuardException e) {
            require(ErrorCode.RATE_LIMIT_EXCEEDED, e.code());
            var wait = Pattern.compile("wait ([0-9]+) s").matcher(String.valueOf(e.getMessage()));
            require(true, wait.find() && Integer.parseInt(wait.group(1)) <= 60);
        }
    }

    private static void put(MemGuard guard, String name, String text) {
        try (var value = Secrets.text(text)) {
            guard.store(name, value);
        }
    }

    private static String get(MemGuard guard, String name) {
        return guard.<String, RuntimeException>read(name, Secrets::text);
    }

    private static void require(@Nullable Object expected, @Nullable Object actual) {
        if (!Objects.equals(expected, actual)) {
            throw new AssertionError("expected " + expected + ", but " + actual);
        }
    }
}
