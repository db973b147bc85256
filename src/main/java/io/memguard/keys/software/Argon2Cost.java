package io.memguard.keys.software;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyDescriptor;

/**
 * What guessing a passphrase costs.
 *
 * @param operations passes over the memory, 1 to 64
 * @param memoryBytes 8 MiB to 4 GiB
 */
record Argon2Cost(long operations, long memoryBytes) {
    /** RFC 9106 section 4, second recommendation, with the one lane that libsodium has: 64 MiB, 3 passes. */
    static final Argon2Cost DEFAULT = new Argon2Cost(3, 64L << 20);

    static final String OPERATIONS = "argon2id-operations";
    static final String MEMORY = "argon2id-memory";

    /** Metadata comes from the disk: it must not make this process allocate a terabyte, or guessing cheap. */
    Argon2Cost {
        if (operations < 1 || operations > 64 || memoryBytes < 8L << 20 || memoryBytes > 4L << 30) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "Argon2id takes 1 to 64 operations and 8 MiB to 4 GiB of memory, not " + operations + " and "
                            + memoryBytes + " bytes");
        }
    }

    static Argon2Cost of(KeyDescriptor record) {
        try {
            return new Argon2Cost(
                    Long.parseLong(record.parameters().getOrDefault(OPERATIONS, "")),
                    Long.parseLong(record.parameters().getOrDefault(MEMORY, "")));
        } catch (NumberFormatException | MemGuardException e) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the store's metadata has no valid cost for Argon2id; restore store.meta from a backup of this store",
                    e);
        }
    }
}
