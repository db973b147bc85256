package io.memguard;

import io.memguard.memory.Addresses;
import io.memguard.memory.GuardedMemory;
import io.memguard.memory.SealedCache;
import io.memguard.storage.Moment;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A handle on one secret, for the hot path: keep it, and read it as often as you like. Thread-safe.
 *
 * <p>It names the secret, not one value of it: a read gives what is stored when the read begins, whichever process stored it. After
 * the secret is deleted, or a memory-only one has expired, a read fails with {@link ErrorCode#RETRIEVE_FAILED}; stored
 * again, it works again.
 */
public final class Secret {
    /** Of a value that is in memory only: no file can outdate it. */
    static final Moment MEMORY_ONLY = new Moment(Long.MIN_VALUE, Moment.NO_VERSION, false);

    /** A value in a cache, whose handle means nothing in another, and when it was the current one. */
    static final class Cached {
        private final SealedCache cache;
        private final long handle;
        private final Moment moment;
        private final long generation;
        private int seen; // A look too many, by a thread that sees an older number, does no harm.

        /** @param seen by {@link SecretCache#tick}, when it was last known to be what is in its file */
        Cached(SealedCache cache, long handle, Moment moment, int seen) {
            this.cache = cache;
            this.handle = handle;
            this.moment = moment;
            this.generation = moment.generation();
            this.seen = seen;
        }

        SealedCache cache() {
            return cache;
        }

        long handle() {
            return handle;
        }

        Moment moment() {
            return moment;
        }

        void seen(int tick) {
            seen = tick;
        }

        boolean isMemoryOnly() {
            return generation == MEMORY_ONLY.generation();
        }

        /** A window, or STALE. */
        long open() {
            return cache.open(handle);
        }
    }

    private final SecretCache secrets;
    private final String name;
    private final int stripe;
    private volatile @Nullable Cached cached;

    Secret(SecretCache secrets, String name, int stripe) {
        this.secrets = secrets;
        this.name = name;
        this.stripe = stripe;
    }

    /**
     * Lends the value; see {@link Borrower} for how long. Borrows may be nested, also of one secret; the value that is
     * lent stays as it was when the borrow began, whatever happens to the secret in the meantime.
     *
     * @throws MemGuardException {@link ErrorCode#RETRIEVE_FAILED} where it is gone or its file is damaged;
     *     {@link ErrorCode#SECURITY_ERROR} where no memory can be locked for it, or the native cache is not ready
     * @throws IllegalStateException after the {@link MemGuard} is closed
     */
    public <R extends @Nullable Object, X extends Throwable> R read(Borrower<R, X> use) throws X {
        Cached current = cached;
        long window = current != null && isKnownToBeCurrent(current) ? current.open() : SealedCache.STALE;
        return window < 0 ? readSlowly(use) : SealedCache.lend(window, use);
    }

    /** Small enough to be compiled into its callers; nearly every read passes here. */
    private boolean isKnownToBeCurrent(Cached value) {
        return value.isMemoryOnly() || (value.seen == secrets.tick() && value.generation == secrets.generation(stripe));
    }

    private <R extends @Nullable Object, X extends Throwable> R readSlowly(Borrower<R, X> use) throws X {
        Cached current = cached;
        long window = open(current);
        while (window < 0 && !Objects.equals(current, cached)) { // replaced just now
            current = cached;
            window = open(current);
        }
        return window < 0 ? secrets.readStored(this, current, use) : SealedCache.lend(window, use);
    }

    private long open(@Nullable Cached value) {
        return value != null && (isKnownToBeCurrent(value) || isCurrent(value)) ? value.open() : SealedCache.STALE;
    }

    private boolean isCurrent(Cached value) {
        return value.generation == secrets.generation(stripe) && secrets.isStill(this, value);
    }

    /** Whether there is a value under its name now; where nothing changed since it was last read, that costs nearly nothing. */
    public boolean exists() {
        Cached current = cached;
        boolean known = current != null && !current.isMemoryOnly() && isKnownToBeCurrent(current) && secrets.isOpen();
        return known || secrets.isThere(this);
    }

    /** The length in bytes. */
    public long size() {
        return this.<Long, RuntimeException>read(MemorySegment::byteSize);
    }

    /** Writes the value to a channel, past the heap as long as the channel takes direct buffers as they are. */
    public void writeTo(WritableByteChannel channel) throws IOException {
        this.<@Nullable Void, IOException>read(segment -> {
            SecretBuffer.write(segment, channel);
            return null;
        });
    }

    /** Copies the value into the caller's own protected memory. */
    public SecretBuffer copy() {
        return this.<SecretBuffer, RuntimeException>read(SecretBuffer::copyOf);
    }

    /**
     * Copies the value to the beginning of native memory, which is the caller's to wipe.
     *
     * @return how many bytes that were
     * @throws MemGuardException {@link ErrorCode#INVALID_ARGUMENTS} where it is too small, on the heap, read-only, closed or
     *     another thread's; nothing is written then
     */
    public long copyTo(MemorySegment target) {
        Addresses.requireWritable(target);
        return this.<Long, RuntimeException>read(segment -> {
            if (target.byteSize() < segment.byteSize()) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS,
                        "the value has " + segment.byteSize() + " bytes; give native memory of at least as many");
            }
            Addresses.write(segment, target);
            return segment.byteSize();
        });
    }

    /** Compares in time that depends only on the two lengths: for checking what a client sent. */
    public boolean contentEquals(SecretBuffer other) {
        return other.<Boolean, RuntimeException>read(this::contentEquals);
    }

    /** The same with native memory of the caller; other memory is {@link ErrorCode#INVALID_ARGUMENTS}. */
    public boolean contentEquals(MemorySegment other) {
        Addresses.requireNative(other);
        return this.<Boolean, RuntimeException>read(segment -> segment.byteSize() == other.byteSize()
                && Addresses.<Boolean, RuntimeException>read(other, memory -> GuardedMemory.equal(segment, memory)));
    }

    /** Shows no name. */
    @Override
    public String toString() {
        return "Secret";
    }

    String name() {
        return name;
    }

    @Nullable
    Cached cached() {
        return cached;
    }

    boolean isMemoryOnly() {
        Cached current = cached;
        return current != null && current.isMemoryOnly();
    }

    /** Whether a memory-only value is still there. */
    boolean isAlive() {
        Cached current = cached;
        return current != null && current.cache().contains(current.handle());
    }

    /** The value that is in place is current in another generation, too; false where another one is in place. */
    synchronized boolean renew(Cached before, Cached renewed) {
        if (!before.equals(cached)) {
            return false;
        }
        cached = renewed;
        return true;
    }

    /** Swaps in a value; the one before is given up. */
    void become(@Nullable Cached next) {
        Cached before;
        synchronized (this) {
            before = cached;
            cached = next;
        }
        giveUp(before);
    }

    /** The same, but only where the one before is still in place; else the new one is given up. */
    void replace(@Nullable Cached before, @Nullable Cached next) {
        boolean replaced;
        synchronized (this) {
            replaced = Objects.equals(cached, before);
            cached = replaced ? next : cached;
        }
        giveUp(replaced ? before : next);
    }

    static void giveUp(@Nullable Cached value) {
        if (value != null) {
            value.cache().remove(value.handle());
        }
    }
}
