package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.storage.EntryId;
import io.memguard.store.keyring.Sha256;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** The name of a secret in the forms that the store needs. Immutable; has no {@code toString} of the name. */
public final class SecretName {
    /** The longest name, in bytes of UTF-8. */
    public static final int MAX_BYTES = 1024;

    private final byte[] utf8;
    private final EntryId value;

    private SecretName(byte[] utf8) {
        this.utf8 = utf8;
        this.value = EntryId.value(Sha256.of(utf8));
    }

    /** Checks a name: 1 to {@value #MAX_BYTES} bytes of UTF-8, any characters. */
    public static SecretName of(@Nullable String text) {
        if (text == null || text.isEmpty()) {
            throw invalid("a secret needs a name of 1 to " + MAX_BYTES + " bytes");
        }
        if (text.length() > MAX_BYTES) {
            throw invalid("the name is longer than " + MAX_BYTES + " bytes");
        }
        ByteBuffer encoded;
        try {
            encoded = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
        } catch (CharacterCodingException e) {
            throw invalid("the name is not valid Unicode (an unpaired surrogate)");
        }
        if (encoded.remaining() > MAX_BYTES) {
            throw invalid("the name is " + encoded.remaining() + " bytes of UTF-8, the longest is " + MAX_BYTES);
        }
        byte[] utf8 = new byte[encoded.remaining()];
        encoded.get(utf8);
        return new SecretName(utf8);
    }

    byte[] utf8() {
        return utf8;
    }

    byte[] hash() {
        return value.hash();
    }

    /** The entry of its value. */
    EntryId value() {
        return value;
    }

    /** The entry of the name itself. */
    EntryId id() {
        return value.name();
    }

    /** The hash, in 64 lower-case digits. */
    public String hex() {
        return value.hex();
    }

    /** Which lock and which generation counter it shares with some other names. */
    public int stripe() {
        return value.stripe();
    }

    private static MemGuardException invalid(String message) {
        return new MemGuardException(ErrorCode.INVALID_ARGUMENTS, message);
    }
}
