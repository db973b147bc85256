package io.memguard;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.memory.GuardedMemory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class SecretBufferTest {
    @Test
    void whatIsWrittenIsRead() {
        long seed = Secrets.seed();
        for (long size : new long[] {0, 1, 31, 4080, 4081, 4096, 100_000, 5_000_000}) {
            try (var buffer = Secrets.random(size, seed + size)) {
                assertEquals(size, buffer.size());
                assertTrue(buffer.<Boolean, RuntimeException>read(segment -> Secrets.matches(segment, seed + size)));
            }
        }
    }

    @Test
    void itBeginsWithZeros() {
        try (var buffer = SecretBuffer.allocate(5000)) {
            buffer.<@Nullable Void, RuntimeException>read(segment -> {
                for (long i = 0; i < segment.byteSize(); i++) {
                    assertEquals(0, segment.get(ValueLayout.JAVA_BYTE, i));
                }
                return null;
            });
        }
    }

    @Test
    void aChannelIsReadToItsEndWhateverItsPieces() throws IOException {
        long seed = Secrets.seed();
        for (int size : new int[] {0, 1, 4000, 4001, 70_000}) {
            byte[] bytes = new byte[size];
            Secrets.fill(MemorySegment.ofArray(bytes), seed);
            var oneByOne = new ByteArrayInputStream(bytes) {
                @Override
                public int read(byte[] target, int offset, int length) {
                    return super.read(target, offset, Math.min(length, 700));
                }
            };
            try (var buffer = SecretBuffer.readFrom(Channels.newChannel(oneByOne), 1 << 20)) {
                assertEquals(size, buffer.size());
                assertTrue(buffer.<Boolean, RuntimeException>read(segment -> Secrets.matches(segment, seed)));
            }
        }
    }

    @Test
    void aChannelWithMoreThanTheLimitIsRefused() {
        var five = Channels.newChannel(new ByteArrayInputStream(new byte[5]));
        var error = assertThrows(MemGuardException.class, () -> SecretBuffer.readFrom(five, 4));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, error.code());
    }

    @Test
    void aChannelWithExactlyTheLimitIsTaken() throws IOException {
        try (var buffer = SecretBuffer.readFrom(Channels.newChannel(new ByteArrayInputStream(new byte[4])), 4)) {
            assertEquals(4, buffer.size());
        }
    }

    @Test
    void aFailingChannelLeavesNoLockedMemory() {
        long before = GuardedMemory.lockedBytes();
        var failing = new java.nio.channels.ReadableByteChannel() {
            private boolean once;

            @Override
            public int read(ByteBuffer target) throws IOException {
                if (once) {
                    throw new IOException("gone");
                }
                once = true;
                target.put((byte) 1);
                return 1;
            }

            @Override
            public boolean isOpen() {
                return true;
            }

            @Override
            public void close() {}
        };
        assertThrows(IOException.class, () -> SecretBuffer.readFrom(failing, 100));
        assertEquals(before, GuardedMemory.lockedBytes());
    }

    @Test
    void consumedArraysAreWiped() {
        byte[] bytes = {1, 2, 3};
        try (var buffer = SecretBuffer.consume(bytes)) {
            assertArrayEquals(new byte[3], bytes);
            assertArrayEquals(new byte[] {1, 2, 3}, buffer.read(s -> s.toArray(ValueLayout.JAVA_BYTE)));
        }
        char[] text = "pässwörd €𝄞".toCharArray();
        try (var buffer = SecretBuffer.consume(text)) {
            assertArrayEquals(new char[text.length], text);
            assertEquals("pässwörd €𝄞", buffer.read(Secrets::text));
        }
    }

    @Test
    void textThatIsNotUnicodeIsRefusedAndWiped() {
        char[] unpaired = {'a', '\ud800'};
        var error = assertThrows(MemGuardException.class, () -> SecretBuffer.consume(unpaired));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, error.code());
        assertArrayEquals(new char[2], unpaired);
    }

    @Test
    void heapSegmentsAreRefused() {
        var error =
                assertThrows(MemGuardException.class, () -> SecretBuffer.copyOf(MemorySegment.ofArray(new byte[] {1})));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, error.code());
    }

    @Test
    void impossibleSizesAreRefused() {
        for (long size : new long[] {-1, SecretBuffer.MAX_SIZE + 1, Long.MAX_VALUE}) {
            var error = assertThrows(MemGuardException.class, () -> SecretBuffer.allocate(size));
            assertEquals(ErrorCode.INVALID_ARGUMENTS, error.code());
        }
    }

    @Test
    void aLeakedSegmentThrows() {
        var leaked = new AtomicReference<MemorySegment>();
        var view = new AtomicReference<ByteBuffer>();
        try (var buffer = Secrets.text("secret")) {
            buffer.<@Nullable Void, RuntimeException>read(segment -> {
                leaked.set(segment);
                view.set(segment.asByteBuffer());
                return null;
            });
            assertThrows(IllegalStateException.class, () -> leaked.get().get(ValueLayout.JAVA_BYTE, 0));
            assertThrows(IllegalStateException.class, () -> view.get().get(0));
        }
        assertThrows(IllegalStateException.class, () -> leaked.get().get(ValueLayout.JAVA_BYTE, 0));
    }

    @Test
    void aLentSegmentIsReadOnlyAndItsThreadsAlone() throws InterruptedException {
        try (var buffer = Secrets.text("secret")) {
            var seen = new AtomicReference<@Nullable Throwable>();
            buffer.<@Nullable Void, InterruptedException>read(segment -> {
                assertThrows(IllegalArgumentException.class, () -> segment.set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
                var other = new Thread(() -> {
                    try {
                        segment.get(ValueLayout.JAVA_BYTE, 0);
                    } catch (Throwable e) {
                        seen.set(e);
                    }
                });
                other.start();
                other.join();
                return null;
            });
            assertInstanceOf(WrongThreadException.class, seen.get());
        }
    }

    @Test
    void useAfterCloseThrowsFromAnyThread() throws InterruptedException {
        var buffer = Secrets.text("secret");
        buffer.close();
        buffer.close();
        assertThrows(IllegalStateException.class, () -> buffer.read(MemorySegment::byteSize));
        var seen = new AtomicReference<@Nullable Throwable>();
        var thread = new Thread(() -> {
            try {
                buffer.write(MemorySegment::byteSize);
            } catch (Throwable e) {
                seen.set(e);
            }
        });
        thread.start();
        thread.join();
        assertInstanceOf(IllegalStateException.class, seen.get());
    }

    @Test
    void closingDuringAReadLetsTheReadEndAndThenFrees() throws InterruptedException {
        long before = GuardedMemory.lockedBytes();
        var buffer = Secrets.text("secret");
        var inside = new CountDownLatch(1);
        var closed = new CountDownLatch(1);
        var read = new AtomicReference<@Nullable String>();
        var reader = new Thread(() -> read.set(buffer.<String, RuntimeException>read(segment -> {
            inside.countDown();
            try {
                closed.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return Secrets.text(segment);
        })));
        reader.start();
        inside.await();
        buffer.close();
        assertThrows(IllegalStateException.class, () -> buffer.read(MemorySegment::byteSize));
        closed.countDown();
        reader.join();
        assertEquals("secret", read.get());
        assertEquals(before, GuardedMemory.lockedBytes());
    }

    @Test
    void closingInsideItsOwnReadIsSafe() {
        var buffer = Secrets.text("secret");
        assertEquals("secret", buffer.read(segment -> {
            buffer.close();
            return Secrets.text(segment);
        }));
        assertThrows(IllegalStateException.class, () -> buffer.read(MemorySegment::byteSize));
    }

    @Test
    void writingInsideAReadIsRefusedInsteadOfADeadlock() {
        try (var buffer = Secrets.text("secret")) {
            buffer.<@Nullable Void, RuntimeException>read(segment -> {
                assertThrows(IllegalStateException.class, () -> buffer.write(MemorySegment::byteSize));
                return null;
            });
        }
    }

    @Test
    void anExceptionInsidePassesAndTheBufferGoesOn() {
        try (var buffer = Secrets.text("secret")) {
            assertThrows(
                    IOException.class,
                    () -> buffer.read(segment -> {
                        throw new IOException("inside");
                    }));
            assertEquals("secret", buffer.read(Secrets::text));
        }
    }

    @Test
    void readersAtOnceOnVirtualThreads() throws InterruptedException {
        try (var buffer = Secrets.text("secret")) {
            var threads = new ArrayList<Thread>();
            var wrong = new AtomicReference<@Nullable Throwable>();
            for (int i = 0; i < 1000; i++) {
                threads.add(Thread.startVirtualThread(() -> {
                    try {
                        assertEquals("secret", buffer.read(Secrets::text));
                    } catch (Throwable e) {
                        wrong.set(e);
                    }
                }));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertNull(wrong.get());
        }
    }

    @Test
    void comparesContents() {
        try (var a = Secrets.text("same");
                var b = Secrets.text("same");
                var c = Secrets.text("else");
                var d = Secrets.text("longer")) {
            assertTrue(a.contentEquals(b));
            assertTrue(a.contentEquals(a));
            assertFalse(a.contentEquals(c));
            assertFalse(a.contentEquals(d));
        }
    }

    @Test
    void writesToAChannelByteForByte() throws IOException {
        try (var buffer = Secrets.text("secret")) {
            var out = new ByteArrayOutputStream();
            buffer.writeTo(Channels.newChannel(out));
            assertEquals("secret", out.toString(java.nio.charset.StandardCharsets.UTF_8));
        }
    }

    @Test
    void nativeMemoryIsCopied() {
        try (var arena = Arena.ofConfined();
                var buffer = SecretBuffer.copyOf(arena.allocateFrom("text"))) {
            assertEquals("text\0", buffer.read(Secrets::text));
        }
    }

    @Test
    void itsTextShowsNothing() {
        try (var buffer = Secrets.text("hunter2")) {
            assertEquals("SecretBuffer[7 bytes]", buffer.toString());
        }
    }
}
