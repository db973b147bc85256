package io.memguard.migration;

/** One secret of another store. */
public interface Entry {
    /** Its name there. */
    String name();

    /** Where it is in the file, for messages: neither name nor value. */
    String place();

    /**
     * Its plaintext, on the heap, to be wiped by the caller. May be called again.
     *
     * @throws io.memguard.MemGuardException KEY_INVALID where the password does not open it
     */
    byte[] value();
}
