package io.memguard.storage;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * The entries that a lock is held on: exists only while the work runs that it was given to, so that a storage whose lock is a
 * lease can bind each write to it. Helper threads of that work may use it.
 */
public interface LockedStorage {
    /** Opens an entry; nothing where there is none. */
    Optional<OpenEntry> open(EntryId id) throws IOException;

    /** The sealed name of a secret; nothing where there is none, or none that a store could have written. */
    Optional<byte[]> name(EntryId id) throws IOException;

    boolean contains(EntryId id) throws IOException;

    /** When the entry has the content that it has now; nothing where there is none. */
    Optional<Moment> moment(EntryId id) throws IOException;

    /** Which content an entry has now. */
    Fingerprint fingerprint(EntryId id) throws IOException;

    /** The same, and durable: the process that put it there may have been killed before it was. */
    Fingerprint durableFingerprint(EntryId id) throws IOException;

    /** Prepares new content of entries, each once; where it fails, nothing has changed. */
    PreparedWrite prepare(List<NewEntry> entries) throws IOException;

    /**
     * The same for plaintext that stays as it is and is under another key: generations and totals stay, in whatever order the
     * entries become visible.
     */
    PreparedWrite prepareReencrypted(List<NewEntry> entries) throws IOException;

    /** Deletes a value durably, then its name; false where there was no value. */
    boolean delete(EntryId value) throws IOException;
}
