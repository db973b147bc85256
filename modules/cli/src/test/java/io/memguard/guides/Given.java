package io.memguard.guides;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.SecretSource;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** What the Java snippets of the guides find around them: each is the body of {@link #run} of a class that extends this. */
public abstract class Given {
    /** Names of the secrets that {@link #guard} and the store in /var/lib/app hold. */
    static final String[] NAMES = {"db/password", "db.password", "api/token", "hmac"};

    /** A store of its own, in the working directory. */
    protected final MemGuard guard =
            MemGuard.at(Path.of(getClass().getName())).keys(new FixedKeys(1)).open();

    /** A file with a value in it, and it opened. */
    protected final Path file = Files.writeString(Path.of(getClass().getName() + ".value"), "hunter2");

    protected final FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);

    protected final SecretBuffer value = Secrets.text("hunter2");
    protected final SecretSource source = SecretSources.buffer(value);
    protected final KeyProvider hsm = SoftwareKeys.passphrase(source);
    protected final KeyProvider tpm = SoftwareKeys.passphrase(source);
    protected final Mac mac = Mac.getInstance("HmacSHA256");
    protected final byte[] bytes = {1, 2, 3};

    /** A stand-in for a logger of any make. */
    protected final Log log = (format, arguments) -> {};

    /** A stand-in for Asherah's Session, which needs a KMS and a database. */
    protected final Session session = data -> data.clone();

    protected final byte[] dataRowRecord = {4, 5, 6};

    protected Given() throws IOException, GeneralSecurityException {
        mac.init(new SecretKeySpec(bytes, "HmacSHA256"));
        fill(guard);
    }

    static void fill(MemGuard guard) {
        for (String name : NAMES) {
            try (var secret = Secrets.text("hunter2")) {
                guard.store(name, secret);
            }
        }
    }

    /** A logger. */
    protected interface Log {
        /** Logs. */
        void warn(String format, Object... arguments);
    }

    /** What decrypts records. */
    protected interface Session {
        /** Decrypts one. */
        byte[] decrypt(byte[] record);
    }

    protected static boolean matches(MemorySegment password) {
        return password.byteSize() > 0;
    }

    protected static boolean connect(MemorySegment password) {
        return password.byteSize() == 7;
    }

    protected static boolean authenticate(MemorySegment key) {
        return key.byteSize() == 7;
    }

    protected static void send(byte[] plaintext) {}

    /** The snippet. */
    public abstract void run() throws Throwable;
}
