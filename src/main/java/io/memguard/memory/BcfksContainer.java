package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.*;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Reads keystores in Bouncy Castle's BCFKS format in native code: loading Bouncy Castle takes longer than all the rest of a
 * start, and would have the password on the heap. Knows what MemGuard writes; docs/FORMAT.md.
 */
public final class BcfksContainer {
    private static final int LONGEST_KEY = 1024;

    private BcfksContainer() {}

    /** A container that has this password, and is encrypted in a way that is left to Bouncy Castle. */
    public static final class OtherKindException extends IOException {
        private static final long serialVersionUID = 1;
    }

    /**
     * The bytes of the secret key under an alias, which are on the heap from here on.
     *
     * @param container up to 1 MiB
     * @param password native memory, up to 128 characters of one byte each; stays the caller's
     * @throws IOException where the container was changed or has another password
     */
    public static Optional<byte[]> read(byte[] container, MemorySegment password, String alias) throws IOException {
        SealedCache.init();
        try (var arena = Arena.ofConfined()) {
            var text = arena.allocateFrom(ValueLayout.JAVA_BYTE, container);
            var name = arena.allocateFrom(ValueLayout.JAVA_BYTE, alias.getBytes(StandardCharsets.UTF_8));
            var key = arena.allocate(LONGEST_KEY);
            long length = mg_bcfks_read(
                    text, text.byteSize(), password, password.byteSize(), name, name.byteSize(), key, key.byteSize());
            if (length == MG_ERR_AUTHENTICATION()) {
                throw new IOException("the container was changed, or has another password");
            }
            if (length == MG_ERR_UNSUPPORTED()) {
                throw new OtherKindException();
            }
            return NativeStatus.check(length) == 0
                    ? Optional.empty()
                    : Optional.of(key.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
        }
    }
}
