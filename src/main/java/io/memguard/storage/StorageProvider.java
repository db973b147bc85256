package io.memguard.storage;

import java.io.IOException;
import java.util.Optional;

/** Knows where a storage is, and opens or makes it. */
public interface StorageProvider {
    /** The place, for messages. */
    String location();

    /** The metadata as it is, of a store that need not be opened; nothing where there is none. */
    Optional<byte[]> metadata() throws IOException;

    /**
     * Opens the storage, which changes nothing; nothing where there is none.
     *
     * @throws io.memguard.MemGuardException SECURITY_ERROR where another user could plant or replace entries
     */
    Optional<Storage> open() throws IOException;

    /** Makes the storage; where there is one, opens it. The second of two creators gets the first one's. */
    Storage create() throws IOException;
}
