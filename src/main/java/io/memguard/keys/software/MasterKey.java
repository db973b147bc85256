package io.memguard.keys.software;

import io.memguard.SecretBuffer;
import io.memguard.keys.StoreContext;
import io.memguard.memory.Sodium;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * What Argon2id makes of the passphrase: 32 bytes in protected memory. Keys for different purposes branch off by HKDF
 * (RFC 5869), each bound to the store; none tells anything about another.
 */
final class MasterKey implements AutoCloseable {
    static final int SIZE = 32;
    static final int SALT_SIZE = 16;

    static final int CHECK_SIZE = 16;

    private final SecretBuffer master;
    private final StoreContext store;

    private MasterKey(SecretBuffer master, StoreContext store) {
        this.master = master;
        this.store = store;
    }

    /** Takes as long, and as much memory, as the cost says. */
    static MasterKey derive(SecretBuffer passphrase, byte[] salt, Argon2Cost cost, StoreContext store) {
        var master = SecretBuffer.allocate(SIZE);
        try (var arena = Arena.ofConfined()) {
            var nativeSalt = arena.allocateFrom(ValueLayout.JAVA_BYTE, salt);
            return passphrase.read(secret -> master.write(out -> {
                Sodium.argon2id(out, secret, nativeSalt, cost.operations(), cost.memoryBytes());
                return new MasterKey(master, store);
            }));
        } catch (Throwable failure) {
            master.close();
            throw failure;
        }
    }

    /** The key that wraps the store key; never on the heap. The caller closes it. */
    SecretBuffer kek() {
        var kek = SecretBuffer.allocate(SIZE);
        try {
            branch("kek", kek);
            return kek;
        } catch (Throwable failure) {
            kek.close();
            throw failure;
        }
    }

    /** The container's password, in hexadecimal digits. The caller closes it. */
    SecretBuffer containerPassword() {
        var password = SecretBuffer.allocate(2 * SIZE);
        try (var raw = SecretBuffer.allocate(SIZE)) {
            branch("container", raw);
            raw.read(bytes -> password.<Boolean, RuntimeException>write(text -> {
                for (int i = 0; i < SIZE; i++) {
                    byte each = bytes.get(ValueLayout.JAVA_BYTE, i);
                    text.set(
                            ValueLayout.JAVA_BYTE, 2L * i, (byte) HexFormat.of().toHighHexDigit(each));
                    text.set(ValueLayout.JAVA_BYTE, 2L * i + 1, (byte)
                            HexFormat.of().toLowHexDigit(each));
                }
                return true;
            }));
            return password;
        } catch (Throwable failure) {
            password.close();
            throw failure;
        }
    }

    /** Public: tells a wrong passphrase from a wrong container. */
    byte[] check() {
        try (var arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(CHECK_SIZE);
            branch("check", out);
            return out.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private void branch(String purpose, SecretBuffer target) {
        target.<@Nullable Void, RuntimeException>write(out -> {
            branch(purpose, out);
            return null;
        });
    }

    private void branch(String purpose, MemorySegment out) {
        master.<@Nullable Void, RuntimeException>read(key -> {
            Sodium.hkdfSha256(out, key, info(purpose, store));
            return null;
        });
    }

    /** What a branch is for; see docs/FORMAT.md. */
    static String info(String purpose, StoreContext store) {
        return "memguard/1 " + purpose + " " + store.storeId();
    }

    @Override
    public void close() {
        master.close();
    }
}
