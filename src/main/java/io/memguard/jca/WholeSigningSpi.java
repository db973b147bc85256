package io.memguard.jca;

import io.memguard.memory.PrivateKeyCalls;
import io.memguard.memory.SealedValue;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.security.SignatureException;

/** Signs the message itself, kept until its end: Ed25519, and what callers digested themselves. */
final class WholeSigningSpi extends SigningSpi {
    private final ByteArrayOutputStream message = new ByteArrayOutputStream();
    private final int way;
    private final int most;

    /** @param most how long it may be, in bytes */
    WholeSigningSpi(String algorithm, Class<? extends ProtectedPrivateKey> keys, int way, int most) {
        super(algorithm, keys);
        this.way = way;
        this.most = most;
    }

    @Override
    void reset() {
        message.reset();
    }

    @Override
    void add(byte[] bytes, int offset, int length) {
        message.write(bytes, offset, length);
    }

    @Override
    void add(ByteBuffer bytes) {
        byte[] copy = new byte[bytes.remaining()];
        bytes.get(copy);
        message.writeBytes(copy);
    }

    @Override
    byte[] finish(SealedValue value) throws SignatureException {
        if (message.size() > most) {
            throw new SignatureException("at most " + most + " bytes can be signed in this way; sign a digest");
        }
        return PrivateKeyCalls.sign(value, way, 0, message.toByteArray());
    }
}
