package io.memguard.keys.pkcs11;

import io.memguard.Secrets;
import io.memguard.keys.KeyMode;
import io.memguard.keys.SecretSources;
import io.memguard.keys.StoreKey;
import io.memguard.memory.Sodium;
import io.memguard.tokens.SoftHsm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.GeneralSecurityException;
import java.security.Provider;
import java.util.concurrent.TimeUnit;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * AES-GCM in a SoftHSM token, 32 bytes of AAD: the data path by FFM beside SunPKCS11 doing the same with direct buffers in
 * one call, which is the only way that leaves no copy on the heap. SOFTHSM2_CONF says where the token is made.
 */
@SuppressWarnings("missing-explicit-ctor") // JMH makes them.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 4, time = 1)
@Fork(
        value = 1,
        jvmArgs = {"--enable-native-access=ALL-UNNAMED"})
public class TokenCipher {
    private static final int IV = 12;

    /** Length of the value in bytes. */
    @Param({"32", "4096", "1048576"})
    public int size;

    private Token connection;
    private StoreKey ffm;
    private SecretKey key;
    private Provider sun;

    /** Makes a token with one key, which both sides use. */
    @Setup(Level.Trial)
    public void connect() {
        var token = SoftHsm.token();
        connection = Token.connect(Pkcs11Uri.parse(token.uri("key")), SecretSources.file(token.pinFile()));
        TokenKey.generate(connection, KeyMode.DIRECT, "key", "01");
        ffm = new DirectKey(new TokenKey(connection, "key", "01"));
        key = SunPkcs11Bridge.key(connection, "key");
        sun = SunPkcs11Bridge.provider(connection);
    }

    /** Ends its sessions. */
    @TearDown(Level.Trial)
    public void disconnect() {
        ffm.close();
    }

    /** A thread's own buffers. */
    @State(Scope.Thread)
    public static class Buffers {
        private final Arena arena = Arena.ofShared();
        private MemorySegment aad;
        private MemorySegment plain;
        private MemorySegment sealed;
        private MemorySegment opened;
        private MemorySegment sealedBySun;

        /** Fills them. */
        @Setup(Level.Trial)
        public void allocate(TokenCipher bench) throws GeneralSecurityException {
            aad = arena.allocate(32);
            plain = arena.allocate(bench.size);
            Secrets.fill(plain, 1);
            sealed = arena.allocate(bench.size + StoreKey.OVERHEAD);
            opened = arena.allocate(bench.ffm.room(sealed.byteSize()));
            sealedBySun = arena.allocate(bench.size + StoreKey.OVERHEAD);
            bench.ffm.seal(aad, plain, sealed);
            bench.sun(Cipher.ENCRYPT_MODE, aad, plain, sealedBySun, IV);
        }

        /** Frees them. */
        @TearDown(Level.Trial)
        public void free() {
            arena.close();
        }
    }

    private int sun(int mode, MemorySegment aad, MemorySegment in, MemorySegment out, int outOffset)
            throws GeneralSecurityException {
        byte[] iv = new byte[IV];
        if (mode == Cipher.ENCRYPT_MODE) {
            Sodium.random(out.asSlice(0, IV));
            MemorySegment.copy(out, ValueLayout.JAVA_BYTE, 0, iv, 0, IV);
        } else {
            MemorySegment.copy(in, ValueLayout.JAVA_BYTE, 0, iv, 0, IV);
        }
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", sun);
        cipher.init(mode, key, new GCMParameterSpec(128, iv));
        cipher.updateAAD(aad.asByteBuffer());
        var input = mode == Cipher.ENCRYPT_MODE ? in : in.asSlice(IV);
        return cipher.doFinal(input.asByteBuffer(), out.asSlice(outOffset).asByteBuffer());
    }

    /** By FFM. */
    @Benchmark
    public void sealByFfm(Buffers buffers) {
        ffm.seal(buffers.aad, buffers.plain, buffers.sealed);
    }

    /** By FFM. */
    @Benchmark
    public boolean openByFfm(Buffers buffers) {
        return ffm.open(buffers.aad, buffers.sealed, buffers.opened);
    }

    /** By SunPKCS11. */
    @Benchmark
    public int sealBySunPkcs11(Buffers buffers) throws GeneralSecurityException {
        return sun(Cipher.ENCRYPT_MODE, buffers.aad, buffers.plain, buffers.sealedBySun, IV);
    }

    /** By SunPKCS11. */
    @Benchmark
    public int openBySunPkcs11(Buffers buffers) throws GeneralSecurityException {
        return sun(Cipher.DECRYPT_MODE, buffers.aad, buffers.sealedBySun, buffers.opened, 0);
    }
}
