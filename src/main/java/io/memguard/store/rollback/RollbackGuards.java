package io.memguard.store.rollback;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.RollbackRecords;
import io.memguard.storage.Fingerprint;
import io.memguard.store.keyring.Metadata;
import io.memguard.store.keyring.MetadataGuard;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** The guard that a store's metadata ask for, by the records that its user gave. Owns the records. Thread-safe. */
public final class RollbackGuards implements MetadataGuard, AutoCloseable {
    private static final int ATTEMPTS = 20;
    private static final long PAUSE = 10_000_000; // ns

    private final @Nullable RollbackRecords records;
    private volatile boolean accepting;
    private volatile boolean open;

    public RollbackGuards(@Nullable RollbackRecords records) {
        this.records = records;
    }

    public boolean areGiven() {
        return records != null;
    }

    /**
     * What guards a store with this metadata.
     *
     * @throws MemGuardException SECURITY_ERROR where the store keeps records and none are given here
     */
    public RollbackGuard of(Metadata metadata) {
        if (!metadata.recorded()) {
            return RollbackGuard.OFF;
        }
        if (records == null) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "this store keeps records of its files in a token, to detect rollbacks; say in which one"
                            + " (--records pkcs11:..., MEMGUARD_RECORDS, or detectRollback)");
        }
        return new RollbackGuard(records, metadata.storeId());
    }

    /** For a store that begins to keep records. */
    public RollbackGuard beginning(String storeId) {
        return new RollbackGuard(java.util.Objects.requireNonNull(records), storeId);
    }

    /** Before anything is made: a token that is away, or can't keep records, says so here. */
    public void requireReachable(String storeId) {
        if (records != null) {
            var ignored = beginning(storeId).metadata();
        }
    }

    /** From now on a store without records is one whose detection was ended, not one that was put in its place. */
    public void storeIsOpen() {
        open = true;
    }

    /** From now on the present state is taken as the right one, until {@link #endAcceptance}. */
    public void beginAcceptance() {
        accepting = true;
    }

    public void endAcceptance() {
        accepting = false;
    }

    /**
     * The metadata that is there, once it is what the record allows: a process may be changing it.
     *
     * @throws MemGuardException SECURITY_ERROR where it is not the newest, or the token has no record of the store
     */
    @Override
    public Metadata newest(Metadata read, Reader reader) throws IOException {
        if (accepting || (records == null && !of(read).isOn())) {
            return read;
        }
        Metadata metadata = read;
        List<Fingerprint> allowed = List.of();
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            allowed = beginning(metadata.storeId()).metadata();
            boolean ended = allowed.isEmpty() && open && !metadata.recorded();
            if (ended || allowed.contains(Fingerprint.of(metadata.seal()))) {
                return metadata;
            }
            // Where there is none, too: SoftHSM shows none while another process writes it.
            LockSupport.parkNanos(PAUSE);
            var now = reader.read();
            if (now.isEmpty()) {
                return metadata; // Removed: opening the keys says so.
            }
            metadata = now.get();
        }
        throw allowed.isEmpty() ? unknown(metadata.recorded()) : RollbackGuard.rolledBack("the store's metadata file");
    }

    private static MemGuardException unknown(boolean recorded) {
        return new MemGuardException(
                ErrorCode.SECURITY_ERROR,
                "the token has no record of this store: "
                        + (recorded
                                ? "it is not the right token, or it was initialized again"
                                : "the store keeps none, or another one was put in its place")
                        + "; name the right token, or begin with what is there now (memguard records accept)");
    }

    @Override
    public void close() {
        if (records != null) {
            records.close();
        }
    }
}
