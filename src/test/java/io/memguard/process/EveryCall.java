package io.memguard.process;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.Secret;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A store and buffers, each public call on them by its name, and what must be so after any of them was hit by an error. */
final class EveryCall {
    private static final int SIZE = 100;

    private final MemGuard guard;
    private final Secret secret;
    private final SecretBuffer buffer = Secrets.random(SIZE, 1);
    private final SecretBuffer other = Secrets.random(SIZE, 1);
    private final Map<String, Runnable> calls = new LinkedHashMap<>();

    EveryCall(Path directory) {
        guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
        guard.store("a", buffer);
        guard.storeEphemeral("m", buffer, Duration.ofHours(1), Duration.ofHours(1));
        secret = guard.secret("a").orElseThrow();
        calls.put("buffer.read", () -> buffer.read(MemorySegment::byteSize));
        calls.put("buffer.write", () -> buffer.write(MemorySegment::byteSize));
        calls.put("buffer.contentEquals", () -> buffer.contentEquals(other));
        calls.put("buffer.copyOf", () -> buffer.read(SecretBuffer::copyOf).close());
        calls.put(
                "buffer.consume",
                () -> SecretBuffer.consume("text".toCharArray()).close());
        calls.put("buffer.random", () -> SecretBuffer.random(SIZE).close());
        calls.put("secret.read", () -> secret.read(MemorySegment::byteSize));
        calls.put("secret.copy", () -> secret.copy().close());
        calls.put("secret.contentEquals", () -> secret.contentEquals(other));
        calls.put("nested", () -> secret.read(x -> secret.read(y -> buffer.read(z -> x.byteSize()))));
        calls.put("guard.read cold", () -> {
            guard.cleanupMemory();
            guard.read("a", MemorySegment::byteSize);
        });
        calls.put("guard.secret", () -> guard.secret("a"));
        calls.put("guard.retrieve", () -> guard.retrieve("a"));
        calls.put("guard.store", () -> guard.store("a", buffer));
        calls.put("guard.storeAll", () -> guard.storeAll(Map.of("a", buffer, "b", other)));
        calls.put(
                "guard.storeEphemeral",
                () -> guard.storeEphemeral("m", buffer, MemGuard.DEFAULT_IDLE, MemGuard.DEFAULT_IDLE));
        calls.put("guard.contains", () -> guard.contains("a"));
        calls.put("guard.list", guard::list);
        calls.put("guard.delete", () -> guard.delete("b"));
        calls.put("guard.stats", guard::stats);
        calls.put("guard.memoryUsage", guard::memoryUsage);
    }

    Map<String, Runnable> calls() {
        return calls;
    }

    /** Everything works, nothing is lent or locked. */
    void check(String after) {
        inTime(after, () -> {
            for (var call : calls.entrySet()) {
                try {
                    call.getValue().run();
                } catch (Throwable e) {
                    throw new AssertionError(call.getKey() + " does not work any more", e);
                }
            }
            expect(buffer.<Boolean, RuntimeException>read(s -> Secrets.matches(s, 1)), "a buffer has another value");
            expect(
                    guard.<Boolean, RuntimeException>read("a", s -> Secrets.matches(s, 1)),
                    "a secret has another value");
            long lent = guard.memoryUsage().windowsInUse();
            expect(lent == 0, lent + " windows are lent forever");
        });
    }

    void close() {
        inTime("close()", guard::close);
        buffer.close();
        other.close();
    }

    private static void expect(boolean right, String otherwise) {
        if (!right) {
            throw new AssertionError(otherwise);
        }
    }

    /** On another thread: what this thread holds would not stop it. */
    private static void inTime(String what, Runnable task) {
        var result = new FutureTask<@Nullable Void>(task, null);
        Thread.ofPlatform().daemon().start(result);
        try {
            result.get(20, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(what + ": " + e, e);
        }
    }
}
