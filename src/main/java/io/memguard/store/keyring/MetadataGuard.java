package io.memguard.store.keyring;

import io.memguard.storage.Fingerprint;
import java.io.IOException;

/** Knows by records outside of the store which metadata is the newest; or keeps no records, and allows all. */
public interface MetadataGuard {
    /**
     * The metadata that is there, once it is what the record allows: another process may be changing it.
     *
     * @throws io.memguard.MemGuardException SECURITY_ERROR where it is not the newest
     */
    Metadata newest(Metadata read, Reader reader) throws IOException;

    /** Reads the metadata again. */
    @FunctionalInterface
    interface Reader {
        java.util.Optional<Metadata> read() throws IOException;
    }

    /** What is told before and after the metadata is replaced. */
    interface Witness {
        /** Also the next state is right from now on. */
        void expectMetadata(Fingerprint next, Present present) throws IOException;

        /** This state alone is right. */
        void settleMetadata(Fingerprint now) throws IOException;
    }

    /** The state that is there now, made durable. */
    @FunctionalInterface
    interface Present {
        Fingerprint get() throws IOException;
    }
}
