package io.memguard.keys.software;

import io.memguard.SecretBuffer;
import io.memguard.keys.StoreContext;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import org.bouncycastle.crypto.digests.SHA256Digest;
import org.bouncycastle.crypto.generators.Argon2BytesGenerator;
import org.bouncycastle.crypto.generators.HKDFBytesGenerator;
import org.bouncycastle.crypto.params.Argon2Parameters;
import org.bouncycastle.crypto.params.HKDFParameters;

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
            var generator = new Argon2BytesGenerator();
            generator.init(new Argon2Parameters.Builder(Argon2Parameters.ARGON2_id)
                    .withVersion(Argon2Parameters.ARGON2_VERSION_13)
                    .withSalt(salt)
                    .withIterations((int) cost.operations())
                    .withMemoryAsKB((int) (cost.memoryBytes() / 1024))
                    .withParallelism(1)
                    .build());
            byte[] master = new byte[MasterKey.SIZE];
            generator.generateBytes(secret, master);
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
        var generator = new HKDFBytesGenerator(new SHA256Digest());
        byte[] info = MasterKey.info(purpose, store).getBytes(StandardCharsets.UTF_8);
        generator.init(new HKDFParameters(master, null, info));
        byte[] out = new byte[size];
        generator.generateBytes(out, 0, size);
        return out;
    }

    @Override
    public void close() {
        Arrays.fill(master, (byte) 0);
    }
}
