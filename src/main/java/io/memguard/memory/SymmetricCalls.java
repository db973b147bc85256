package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.*;

import java.lang.foreign.MemorySegment;
import java.security.ProviderException;
import java.util.function.LongSupplier;

/**
 * What the operations with secret keys share. Arrays of the heap go down as they are, and no garbage is collected meanwhile:
 * so at most {@link #SHORT} bytes at a time, which takes some ten microseconds.
 */
final class SymmetricCalls {
    /** The most that goes down from the heap in one call, in bytes. */
    static final int SHORT = 32 << 10;

    private static final long FORGED = Long.MAX_VALUE;

    private static boolean linked; // Set once; a thread that does not see it yet does it again.

    private SymmetricCalls() {}

    /** Before the first call: linking takes stack and memory, which may be missing later. */
    static void link() {
        if (!linked) {
            StackRoom.requireForLinking();
            MemorySegment none = MemorySegment.NULL;
            mg_hmac(0, 0, 0, none, 0, none, 0);
            mg_hmac_begin(0, 0, 0, none, 0);
            mg_hmac_update(0, none, 0);
            mg_gcm_seal(0, 0, none, 0, none, 0, none, 0, none, 0, 0);
            mg_gcm_open(0, 0, none, 0, none, 0, none, 0, none, 0, 0);
            mg_cipher_aad(0, none, 0);
            mg_cipher_update(0, none, 0, none, 0);
            linked = true;
        }
    }

    /** Passes results through; waits and tries again where windows or locked memory are short. */
    static long checked(long result, LongSupplier again) {
        if (result >= 0) {
            return result;
        }
        return checked(isShort(result) ? WindowBackoff.retry(again, 4096) : result);
    }

    /** The same, where what does not verify is a result, too. */
    static long checkedUnlessForged(long result, LongSupplier again) {
        long made = result;
        if (isShort(made)) {
            made = WindowBackoff.retry(() -> forged(again.getAsLong(), FORGED), 4096);
            made = made == FORGED ? MG_ERR_AUTHENTICATION() : made;
        }
        return made == MG_ERR_AUTHENTICATION() ? made : checked(made);
    }

    private static long forged(long result, long instead) {
        return result == MG_ERR_AUTHENTICATION() ? instead : result;
    }

    static boolean isShort(long result) {
        return result == MG_ERR_NO_WINDOW() || result == MG_ERR_LOCKED_MEMORY();
    }

    static long checked(long result) {
        if (result == MG_ERR_STALE_HANDLE()) {
            throw new ProviderException(
                    "the store of this key is closed; open it, and ask ProtectedKeys for the key again");
        }
        return NativeStatus.check(result);
    }
}
