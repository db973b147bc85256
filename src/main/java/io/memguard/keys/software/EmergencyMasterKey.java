package io.memguard.keys.software;

import io.memguard.SecretBuffer;
import io.memguard.keys.StoreContext;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * {@link MasterKey} without native code: Bouncy Castle derives the same keys, on the heap. Arrays are wiped after use;
 * copies that the collector made are not.
 */
final class EmergencyMasterKey implements AutoCloseable {
    private final byte[] master;
    private final StoreContext store;

    private EmergencyMasterKey(byte[] master, StoreContext store) {
        this.master = master;
        this.store = store;
    }

    static EmergencyMasterKey derive(SecretBuffer passphrase, byte[] salt, Argon2Cost cost, StoreContext store) {
        byte[] secret = passphrase.<byte[], RuntimeException>read(bytes -> bytes.toArray(ValueLayout.JAVA_BYTE));
        try {
            byte[] master = new byte[MasterKey.SIZE];
            BouncyCastleEdition.call(() -> {
                BouncyCastle.argon2id(secret, salt, cost, master);
                return master;
            });
            return new EmergencyMasterKey(master, store);
        } finally {
            Arrays.fill(secret, (byte) 0);
        }
    }

    char[] containerPassword() {
        return HexFormat.of().formatHex(branch("container", MasterKey.SIZE)).toCharArray();
    }

    byte[] check() {
        return branch("check", MasterKey.CHECK_SIZE);
    }

    /** The caller wipes it. */
    byte[] kek() {
        return branch("kek", MasterKey.SIZE);
    }

    private byte[] branch(String purpose, int size) {
        byte[] info = MasterKey.info(purpose, store).getBytes(StandardCharsets.UTF_8);
        byte[] out = new byte[size];
        return BouncyCastleEdition.call(() -> {
            BouncyCastle.hkdf(master, info, out);
            return out;
        });
    }

    @Override
    public void close() {
        Arrays.fill(master, (byte) 0);
    }
}
