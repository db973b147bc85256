package io.memguard;

import io.memguard.memory.Addresses;
import io.memguard.memory.GuardedMemory;
import io.memguard.memory.NativeLibraries;
import io.memguard.memory.PlaintextCopy;
import io.memguard.memory.Sodium;
import io.memguard.memory.Spool;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A secret in the caller's own protected memory: locked, between guard pages with a canary, without access while no thread
 * uses it, wiped and freed on {@link #close}.
 *
 * <p>Thread-safe. Any number of threads may read at once; a {@link #write} excludes readers. A buffer closed while it is
 * in use refuses new uses at once and is wiped when the last use ends. Every use after close throws
 * {@link IllegalStateException}. Each buffer costs at least one locked page (4,096 bytes) and some 25 µs to make: it is
 * for a few values on their way, not for keeping thousands; {@link MemGuard} keeps those.
 */
public final class SecretBuffer implements AutoCloseable {
    /** The longest value, in bytes: 1 GiB, as far as locked memory reaches. */
    public static final long MAX_SIZE = 1L << 30;

    private static final int PIECE = 4 * 4096 - 16; // With the canary four pages: little, for small limits.

    private final GuardedMemory memory;

    private SecretBuffer(GuardedMemory memory) {
        this.memory = memory;
    }

    /**
     * A buffer of zeros.
     *
     * @param size in bytes, 0 to {@link #MAX_SIZE}
     * @throws MemGuardException {@link ErrorCode#SECURITY_ERROR} where so much memory can't be locked; the message names
     *     the limit, the need and how to raise it
     */
    public static SecretBuffer allocate(long size) {
        requireSize(size);
        return new SecretBuffer(GuardedMemory.allocate(size));
    }

    private static void requireSize(long size) {
        if (size < 0 || size > MAX_SIZE) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "a secret is 0 to " + MAX_SIZE + " bytes long, not " + size);
        }
    }

    /** A new key: random bytes of the operating system. Needs the native libraries. */
    public static SecretBuffer random(long size) {
        NativeLibraries.require();
        var buffer = allocate(size);
        return buffer.<SecretBuffer, RuntimeException>write(bytes -> {
            Sodium.random(bytes);
            return buffer;
        });
    }

    /** Copies native memory; the source stays the caller's to wipe. Heap segments are refused: their garbage stays. */
    public static SecretBuffer copyOf(MemorySegment source) {
        Addresses.requireNative(source);
        requireSize(source.byteSize());
        return Addresses.read(source, memory -> filled(memory.byteSize(), memory));
    }

    /**
     * Takes a value out of a heap array and wipes the array, also where it fails. Copies that the garbage collector made
     * of the array before stay on the heap until they are overwritten: prefer {@link #readFrom}.
     */
    public static SecretBuffer consume(byte[] source) {
        try {
            return filled(source.length, MemorySegment.ofArray(source));
        } finally {
            Arrays.fill(source, (byte) 0);
        }
    }

    /** Takes text as UTF-8 out of a heap array and wipes the array; the same limits as {@link #consume(byte[])}. */
    public static SecretBuffer consume(char[] source) {
        try {
            return encoded(source);
        } finally {
            Arrays.fill(source, '\0');
        }
    }

    private static SecretBuffer encoded(char[] text) {
        var encoder = StandardCharsets.UTF_8
                .newEncoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        var buffer = allocate(utf8Length(text));
        try {
            boolean valid = buffer.write(segment -> {
                var out = segment.asByteBuffer();
                return encoder.encode(CharBuffer.wrap(text), out, true).isUnderflow() && !out.hasRemaining();
            });
            if (!valid) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS,
                        "the text is not valid UTF-16 (an unpaired surrogate)",
                        new CharacterCodingException());
            }
            return buffer;
        } catch (Throwable failure) {
            buffer.close();
            throw failure;
        }
    }

    /** A pair of surrogates is four bytes, which is two each. */
    private static long utf8Length(char[] text) {
        long length = 0;
        for (char unit : text) {
            length += unit < 0x80 ? 1 : unit < 0x800 || Character.isSurrogate(unit) ? 2 : 3;
        }
        return length;
    }

    /**
     * Reads a channel to its end, without the heap. The channel stays open.
     *
     * @param limit the most it may hold, in bytes; never more than {@link #MAX_SIZE}
     * @throws MemGuardException {@link ErrorCode#INVALID_ARGUMENTS} where there is more
     */
    public static SecretBuffer readFrom(ReadableByteChannel channel, long limit) throws IOException {
        if (limit < 0) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "a limit is 0 or more bytes, not " + limit);
        }
        long most = Math.min(limit, MAX_SIZE);
        try (var spool = new Spool();
                var piece = allocate(most < PIECE ? most + 1 : PIECE)) {
            long filled = 0;
            while (true) {
                int count = piece.readOnce(channel, filled);
                if (count < 0) {
                    return piece.joined(spool, filled);
                }
                filled += count;
                if (spool.size() + filled > most) {
                    throw new MemGuardException(
                            ErrorCode.INVALID_ARGUMENTS, "the value is longer than the limit of " + most + " bytes");
                }
                if (filled == piece.size()) {
                    piece.<@Nullable Void, RuntimeException>read(segment -> {
                        spool.add(segment);
                        return null;
                    });
                    filled = 0;
                }
            }
        }
    }

    /** The length in bytes. */
    public long size() {
        return memory.size();
    }

    /** Lends the contents, read-only; see {@link Borrower} for how long. */
    public <R extends @Nullable Object, X extends Throwable> R read(Borrower<R, X> use) throws X {
        return memory.read(use);
    }

    /** Lends the contents for writing; waits for readers on other threads, and must not be called inside a read. */
    public <R extends @Nullable Object, X extends Throwable> R write(Borrower<R, X> use) throws X {
        return memory.write(use);
    }

    /** Writes the contents to a channel, without the heap as long as the channel takes direct buffers as they are. */
    public void writeTo(WritableByteChannel channel) throws IOException {
        this.<@Nullable Void, IOException>read(segment -> {
            write(segment, channel);
            return null;
        });
    }

    static void write(MemorySegment segment, WritableByteChannel channel) throws IOException {
        long done = 0;
        while (done < segment.byteSize()) {
            done += channel.write(slice(segment, done));
        }
    }

    /** Compares in time that depends only on the two lengths. Waits for no writer that waits for the other buffer. */
    public boolean contentEquals(SecretBuffer other) {
        Objects.requireNonNull(other);
        return read(mine -> other.read(theirs -> GuardedMemory.equal(mine, theirs)));
    }

    /** Wipes and frees; while other threads use it, as soon as the last is done. Idempotent. */
    @Override
    public void close() {
        memory.close();
    }

    /** Tells the size and nothing else. */
    @Override
    public String toString() {
        return "SecretBuffer[" + size() + " bytes]";
    }

    private static SecretBuffer filled(long size, MemorySegment source) {
        var buffer = allocate(size);
        try {
            buffer.<@Nullable Void, RuntimeException>write(segment -> {
                PlaintextCopy.copy(source, segment);
                return null;
            });
            return buffer;
        } catch (Throwable failure) {
            buffer.close();
            throw failure;
        }
    }

    /** What was spooled, and the first bytes of this after it. */
    private SecretBuffer joined(Spool spool, long filled) {
        var whole = allocate(spool.size() + filled);
        try {
            return read(rest -> whole.write(target -> {
                spool.copyTo(target);
                PlaintextCopy.copy(rest.asSlice(0, filled), target.asSlice(spool.size()));
                return whole;
            }));
        } catch (Throwable failure) {
            whole.close();
            throw failure;
        }
    }

    private int readOnce(ReadableByteChannel channel, long offset) throws IOException {
        return this.<Integer, IOException>write(segment -> channel.read(slice(segment, offset)));
    }

    private static ByteBuffer slice(MemorySegment segment, long offset) {
        long length = Math.min(segment.byteSize() - offset, 1 << 20);
        return segment.asSlice(offset, length).asByteBuffer();
    }
}
