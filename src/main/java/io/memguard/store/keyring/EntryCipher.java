package io.memguard.store.keyring;

import io.memguard.Borrower;
import io.memguard.keys.StoreKey;
import io.memguard.memory.PlaintextBuffer;
import io.memguard.storage.EntryId;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Seals what goes into files and binds it to its place: format, purpose, store, and name. Ciphertext may be on the heap. */
public final class EntryCipher {
    /** What a sealed text is for; the numbers are part of the format. */
    public enum Purpose {
        VALUE(1),
        NAME(2),
        KEY_CHECK(3),
        METADATA(4),
        NEXT_KEY(5);

        private final byte number;

        Purpose(int number) {
            this.number = (byte) number;
        }

        /** Of what an entry holds. */
        public static Purpose of(EntryId.Kind kind) {
            return kind == EntryId.Kind.VALUE ? VALUE : NAME;
        }
    }

    private static final byte[] MAGIC = {'M', 'G', 'S', Metadata.FORMAT};
    private static final int AAD_SIZE = MAGIC.length + 1 + 16 + 32;

    private final StoreKey key;
    private final byte[] storeId;

    public EntryCipher(StoreKey key, String storeId) {
        this.key = key;
        this.storeId = HexFormat.of().parseHex(storeId);
    }

    /** Seals native plaintext. */
    public byte[] seal(Purpose purpose, byte[] context, MemorySegment plaintext) {
        try (var arena = Arena.ofConfined()) {
            var sealed = arena.allocate(plaintext.byteSize() + StoreKey.OVERHEAD);
            seal(purpose, context, plaintext, sealed);
            return sealed.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** Seals native plaintext into native memory of its length + {@link StoreKey#OVERHEAD}. */
    public void seal(Purpose purpose, byte[] context, MemorySegment plaintext, MemorySegment sealed) {
        try (var arena = Arena.ofConfined()) {
            key.seal(aad(arena, purpose, context), plaintext, sealed);
        }
    }

    /** Seals what is no secret as such: a name, a check. */
    public byte[] seal(Purpose purpose, byte[] context, byte[] plaintext) {
        try (var arena = Arena.ofConfined()) {
            return seal(purpose, context, arena.allocateFrom(ValueLayout.JAVA_BYTE, plaintext));
        }
    }

    /** What a callback made of the opened text; or nothing, where the text is not authentic. */
    public record Opened<R extends @Nullable Object>(
            boolean authentic, @Nullable R result) {}

    /** Opens into protected memory that is wiped after the callback. */
    public <R extends @Nullable Object, X extends Throwable> Opened<R> open(
            Purpose purpose, byte[] context, byte[] sealed, Borrower<R, X> use) throws X {
        try (var arena = Arena.ofConfined();
                var plaintext = PlaintextBuffer.empty()) {
            return open(purpose, context, arena.allocateFrom(ValueLayout.JAVA_BYTE, sealed), plaintext)
                    ? new Opened<>(true, plaintext.read(use))
                    : new Opened<>(false, null);
        }
    }

    /** Opens what is no secret as such, a name, into ordinary memory; nothing where it is not authentic. */
    public Optional<byte[]> open(Purpose purpose, byte[] context, byte[] sealed) {
        if (sealed.length < StoreKey.OVERHEAD) {
            return Optional.empty();
        }
        try (var arena = Arena.ofConfined()) {
            var text = arena.allocateFrom(ValueLayout.JAVA_BYTE, sealed);
            var room = arena.allocate(Math.max(1, key.room(sealed.length))).asSlice(0, key.room(sealed.length));
            return key.open(aad(arena, purpose, context), text, room)
                    ? Optional.of(
                            room.asSlice(0, sealed.length - StoreKey.OVERHEAD).toArray(ValueLayout.JAVA_BYTE))
                    : Optional.empty();
        }
    }

    /** Opens native ciphertext into protected memory, which the caller closes; false where it is not authentic. */
    public boolean open(Purpose purpose, byte[] context, MemorySegment sealed, PlaintextBuffer plaintext) {
        if (sealed.byteSize() < StoreKey.OVERHEAD) {
            return false;
        }
        plaintext.fill(key.room(sealed.byteSize()));
        boolean authentic = false;
        try (var arena = Arena.ofConfined()) {
            var aad = aad(arena, purpose, context);
            authentic = plaintext.<Boolean, RuntimeException>write(room -> key.open(aad, sealed, room));
            plaintext.truncate(sealed.byteSize() - StoreKey.OVERHEAD);
            return authentic;
        } finally {
            if (!authentic) {
                plaintext.close();
            }
        }
    }

    private MemorySegment aad(Arena arena, Purpose purpose, byte[] context) {
        ByteBuffer aad = ByteBuffer.allocate(AAD_SIZE);
        aad.put(MAGIC).put(purpose.number).put(storeId).put(context);
        return arena.allocateFrom(ValueLayout.JAVA_BYTE, aad.array());
    }
}
