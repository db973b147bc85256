package io.memguard.storage;

import java.io.IOException;
import java.util.Collection;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the entries of a store and its metadata. It is not trusted, and sees ciphertext and hashes only.
 *
 * <p>Contract for implementors: thread-safe, and shared by any number of processes. What returned normally is durable, and seen
 * by every later call of any process. An entry has its old content or its new one at any moment, also for a reader without a
 * lock. Errors are {@link IOException}s, or {@link io.memguard.MemGuardException}s that say what to do.
 */
public interface Storage extends AutoCloseable {
    /** No key epoch: the metadata may be replaced at any moment, or the process that replaced it was killed. */
    long CHANGING = 0;

    /** The longest metadata, in bytes. */
    int MAX_METADATA = 1 << 20;

    /** The longest entry, in bytes: 1 GiB of plaintext, encrypted. */
    long MAX_ENTRY = (1L << 30) + 28;

    /** Work under the locks of some entries. */
    @FunctionalInterface
    interface Work<T extends @Nullable Object> {
        T run(LockedStorage locked) throws IOException;
    }

    /** Work under the lock of the whole store. */
    @FunctionalInterface
    interface WholeWork<T extends @Nullable Object> {
        T run(LockedStore locked) throws IOException;
    }

    /** A step of a key change. */
    @FunctionalInterface
    interface Action {
        void run() throws IOException;
    }

    // The place

    /** As users know it. */
    String location();

    /** How messages call an entry. */
    String describe(EntryId id);

    /** Tells this place from every copy of it, as far as that can be known; 32 hexadecimal digits. */
    String identity();

    /** Where key providers keep files of their own. */
    Attachments attachments();

    /** Whether nothing at all is written; then locks exclude no process. */
    boolean isReadOnly();

    /**
     * Refuses a change of a storage that is only read.
     *
     * @throws IOException where {@link #isReadOnly}
     */
    void requireWritable() throws IOException;

    /**
     * Makes sure that the name of the place still leads to it.
     *
     * @throws IOException where it was moved or replaced since it was opened: locks would exclude no process
     */
    void requirePresent() throws IOException;

    /**
     * Takes part from now on: makes room for what processes share, and sees the changes of others. Before that only the metadata
     * can be read, and entries be listed. Idempotent.
     */
    void activate() throws IOException;

    /** Removes what killed writers left, as far as no other process is writing. */
    void recover() throws IOException;

    // Metadata

    Optional<StoredMetadata> metadata() throws IOException;

    /** Whether metadata of this version and key epoch is known to be still the one that is there. */
    boolean isCurrent(Object version, long keyEpoch);

    /** Corrects the key epoch. Under any lock of the store, which a change of the metadata excludes. */
    void keyEpoch(long number);

    /**
     * Replaces the metadata if it is still what is expected, atomically and durably. The key epoch is {@link #CHANGING} before the
     * next metadata can be seen, so wherever the writer is killed, no process takes an older keyring for the current one. Under
     * the lock of the whole store.
     *
     * @param expected nothing where there must be none
     * @param keyEpoch of the next
     * @return false where other metadata is there; nothing was changed
     */
    boolean replaceMetadata(Optional<StoredMetadata> expected, byte[] next, long keyEpoch) throws IOException;

    /** Removes the metadata durably; the key epoch is {@link #CHANGING} before. Under the lock of the whole store. */
    void removeMetadata() throws IOException;

    /** Makes durable which metadata is there now. */
    void syncMetadata() throws IOException;

    // Entries, without a lock

    /** The counters, kept up to date while this is open; after {@link #activate}. */
    Generations generations();

    /** Whether hosts may change entries without a new generation here: then each read has to ask {@link #isStill}. */
    boolean isShared();

    /**
     * Whether an entry has this version still.
     *
     * @throws IOException as by {@link #requirePresent}
     */
    boolean isStill(EntryId id, Object version) throws IOException;

    /** Whether there is such an entry; errors as by {@link #requirePresent}. */
    boolean contains(EntryId id) throws IOException;

    /** As by {@link LockedStorage#name}. */
    Optional<byte[]> name(EntryId id) throws IOException;

    /** The bytes that an entry takes; 0 where there is none. */
    long size(EntryId id);

    /** Whether others than the owner may read or write an entry, as far as the place lets them. */
    boolean isExposed(EntryId id) throws IOException;

    /** Goes through all entries, of which there may be millions, in any order. */
    void forEach(Consumer<EntryId> action) throws IOException;

    /** In a time that does not depend on how much is stored, but for what killed writers left. */
    Totals totals() throws IOException;

    // Locks

    /** Runs alone among all threads and processes that lock an entry of the same stripe, or the whole store. */
    <T extends @Nullable Object> T locked(EntryId id, Work<T> work) throws IOException;

    /** The same for several entries, in whatever order they are given. */
    <T extends @Nullable Object> T locked(Collection<EntryId> ids, Work<T> work) throws IOException;

    /** Runs alone in the whole store, but beside a key change. */
    <T extends @Nullable Object> T lockedWhole(WholeWork<T> work) throws IOException;

    /**
     * Runs a key change alone among all threads and processes that change keys, while others read and write. The lock ends with
     * its process. Where it is a lease, what the change writes fails once that is lost.
     *
     * @param ifFree whether to give up at once where another one has the lock, not after two seconds
     * @return false where another change went on for that long; nothing was run
     */
    boolean changing(boolean ifFree, Action change) throws IOException;

    /**
     * Runs while no key is changed, or in this thread's own change: one of another process ends at its next step, once the store
     * is being removed.
     *
     * @return false where it has not ended after five seconds; nothing was run
     */
    boolean withoutChange(Action work) throws IOException;

    /** Waits a few seconds for what is under way; the last operation gives the rest back. Idempotent. */
    @Override
    void close();
}
