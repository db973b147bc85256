package io.memguard.memory;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.Secrets;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** Libraries leave nothing of a key on the stack of the thread that called them. */
class ResidueWiperTest {
    private static final int KEY = 32;
    private static final int PIECE = 8;

    private final Random random = new Random(Secrets.seed());
    private final CountDownLatch done = new CountDownLatch(1);
    private final CountDownLatch looked = new CountDownLatch(1);

    @Test
    void argon2idLeavesNoKeyOnTheStack() throws Exception {
        try (var passphrase = random(24);
                var salt = random(16);
                var key = GuardedMemory.allocate(KEY)) {
            assertNothingIsLeft(
                    key,
                    () -> key.write(out -> passphrase.read(text -> salt.read(bytes -> {
                        Sodium.argon2id(out, text, bytes, 1, 1 << 20);
                        return true;
                    }))));
        }
    }

    @Test
    void hkdfLeavesNoKeyOnTheStack() throws Exception {
        try (var input = random(KEY);
                var key = GuardedMemory.allocate(KEY)) {
            assertNothingIsLeft(
                    key,
                    () -> key.write(out -> input.read(bytes -> {
                        Sodium.hkdfSha256(out, bytes, "test");
                        return true;
                    })));
        }
    }

    private GuardedMemory random(int size) {
        byte[] bytes = new byte[size];
        random.nextBytes(bytes);
        var memory = GuardedMemory.allocate(size);
        memory.write(to -> to.copyFrom(MemorySegment.ofArray(bytes)));
        return memory;
    }

    /** A thread of its own works and then waits; its stack is looked at meanwhile, as root looks at it. */
    private void assertNothingIsLeft(GuardedMemory key, Runnable work) throws Exception {
        var task = new Path[1];
        var failure = new Exception[1];
        var worker = new Thread(() -> {
            try {
                task[0] = Path.of("/proc/thread-self").toRealPath();
                work.run();
                done.countDown();
                looked.await();
            } catch (Exception e) {
                failure[0] = e;
                done.countDown();
            }
        });
        worker.start();
        done.await();
        try {
            assertNull(failure[0]);
            String stack = HexFormat.of().formatHex(stack(task[0]));
            byte[] bytes = key.read(memory -> memory.toArray(ValueLayout.JAVA_BYTE));
            for (int at = 0; at + PIECE <= bytes.length; at++) {
                int place = stack.indexOf(HexFormat.of().formatHex(bytes, at, at + PIECE));
                assertTrue(place < 0, "byte " + at + " of the key lies on the stack, at " + place / 2);
            }
        } finally {
            looked.countDown();
            worker.join();
        }
    }

    /** The mapping that a waiting thread's stack pointer leads to; proc_pid_syscall(5). */
    private static byte[] stack(Path task) throws Exception {
        String[] call;
        do {
            Thread.sleep(1);
            call = Files.readString(task.resolve("syscall")).strip().split(" ");
        } while (call.length < 9); // It still runs.
        long pointer = Long.parseUnsignedLong(call[7].substring(2), 16);
        for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
            String[] range = line.substring(0, line.indexOf(' ')).split("-");
            long begin = Long.parseUnsignedLong(range[0], 16);
            long end = Long.parseUnsignedLong(range[1], 16);
            if (begin <= pointer && pointer < end) {
                byte[] bytes = new byte[(int) (end - begin)];
                try (var memory = new RandomAccessFile("/proc/self/mem", "r")) {
                    memory.seek(begin);
                    memory.readFully(bytes);
                }
                return bytes;
            }
        }
        throw new AssertionError("no mapping has " + Long.toHexString(pointer));
    }
}
