package io.memguard.bench;

import java.security.KeyStore;
import java.util.concurrent.TimeUnit;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What {@code getKey} of a key store costs for 32 bytes: what services do that keep secrets in one. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class KeyStoreRead {
    private static final char[] PASSWORD = "password".toCharArray();

    /** The value's length, for the tables. */
    @Param("32")
    public int size;

    private KeyStore pkcs12;
    private KeyStore bcfks;

    /** Makes both. */
    @Setup(Level.Trial)
    public void open() throws Exception {
        pkcs12 = filled(KeyStore.getInstance("PKCS12"));
        bcfks = filled(KeyStore.getInstance("BCFKS", new BouncyCastleProvider()));
    }

    private KeyStore filled(KeyStore store) throws Exception {
        store.load(null, null);
        store.setKeyEntry("name", new SecretKeySpec(new byte[size], "AES"), PASSWORD, null);
        return store;
    }

    /** The JDK's. */
    @Benchmark
    public Object pkcs12() throws Exception {
        return pkcs12.getKey("name", PASSWORD);
    }

    /** Bouncy Castle's. */
    @Benchmark
    public Object bcfks() throws Exception {
        return bcfks.getKey("name", PASSWORD);
    }
}
