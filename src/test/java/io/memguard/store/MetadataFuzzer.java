package io.memguard.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.fuzz.Seeds;
import io.memguard.keys.StoreKey;
import io.memguard.store.keyring.KeyCheck;
import io.memguard.store.keyring.Metadata;
import java.io.IOException;
import java.util.Arrays;
import java.util.Set;

/**
 * The metadata file: it is refused, or one that was sealed under this store's key. What is well-formed is also sealed under
 * the key, as somebody who has it could, so that what comes after the seal is reached.
 */
public final class MetadataFuzzer {
    private static final FixedStore STORE = make();

    private MetadataFuzzer() {}

    private static FixedStore make() {
        try {
            return FixedStore.make();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Called by Jazzer. */
    public static void fuzzerTestOneInput(byte[] file) {
        takes(file);
    }

    /** Whether it was taken for this store's. */
    public static boolean takes(byte[] file) {
        try {
            var metadata = Metadata.parse(file);
            assertArrayEquals(file, metadata.toBytes());
            openSealed(metadata);
            open(metadata);
            assertTrue(Seeds.good(MetadataFuzzer.class).anyMatch(seed -> Arrays.equals(seed, file)), "never written");
            return true;
        } catch (MemGuardException e) {
            requireExpected(e);
            return false;
        }
    }

    private static void openSealed(Metadata read) {
        var check = KeyCheck.of(FixedStore.seal(1));
        var own = new Metadata(
                FixedStore.ID,
                read.key(),
                check,
                read.recorded(),
                read.next(),
                read.old(),
                read.unfinished(),
                read.removing(),
                read.seal());
        try {
            open(FixedStore.resealed(FixedStore.seal(1), own));
        } catch (MemGuardException e) {
            requireExpected(e);
        }
    }

    private static void open(Metadata metadata) {
        STORE.loader().loadOnce(metadata, null).keys().forEach(StoreKey::close);
    }

    private static void requireExpected(MemGuardException e) {
        assertTrue(Set.of(ErrorCode.KEY_INVALID, ErrorCode.SECURITY_ERROR).contains(e.code()), e.toString());
    }
}
