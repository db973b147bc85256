package io.memguard.keys.software;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;

/**
 * What an opening may cost. Metadata says what Argon2id costs, and is authenticated only afterwards: an attacker who can write to
 * the folder must not make a service take 4 GiB and minutes. More than this has to be asked for by the caller.
 */
final class Argon2Limit {
    private static final long MEMORY = 1L << 30;
    private static final long WORK = 4L << 30; // passes times bytes: some seconds

    private Argon2Limit() {}

    /**
     * Lets pass what is usual, or no more than what the caller has asked for.
     *
     * @param asked by the caller, in SoftwareKeys.cost
     * @throws MemGuardException KEY_INVALID where it is more
     */
    static Argon2Cost require(Argon2Cost recorded, Argon2Cost asked) {
        if (isWithin(recorded, MEMORY, WORK)
                || isWithin(recorded, asked.memoryBytes(), asked.memoryBytes() * asked.operations())) {
            return recorded;
        }
        throw new MemGuardException(
                ErrorCode.KEY_INVALID,
                "the metadata asks for " + recorded.operations() + " passes of Argon2id over "
                        + (recorded.memoryBytes() >> 20)
                        + " MiB, more than is usual, and it is not authenticated yet;"
                        + " if the store was made so, open it with SoftwareKeys.cost(" + recorded.operations() + ", "
                        + recorded.memoryBytes() + "), else restore store.meta from a backup");
    }

    private static boolean isWithin(Argon2Cost cost, long memory, long work) {
        return cost.memoryBytes() <= memory && cost.operations() * cost.memoryBytes() <= work;
    }
}
