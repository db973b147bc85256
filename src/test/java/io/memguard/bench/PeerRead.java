package io.memguard.bench;

import static io.memguard.ffi.gen.sodium.SodiumLibrary.sodium_free;
import static io.memguard.ffi.gen.sodium.SodiumLibrary.sodium_malloc;
import static io.memguard.ffi.gen.sodium.SodiumLibrary.sodium_mprotect_noaccess;
import static io.memguard.ffi.gen.sodium.SodiumLibrary.sodium_mprotect_readonly;

import com.godaddy.asherah.securememory.Secret;
import com.godaddy.asherah.securememory.protectedmemoryimpl.ProtectedMemorySecretFactory;
import io.memguard.memory.NativeLibraries;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.GeneralSecurityException;
import java.util.concurrent.TimeUnit;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
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

/** What a read costs by other means, each thread on a secret of its own: the same values as {@link HotRead}. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 1,
        jvmArgs = {"--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"})
public class PeerRead {
    /** Length of the value in bytes. */
    @Param({"32", "4096", "1048576"})
    public int size;

    private Secret asherah;
    private MemorySegment guarded;
    private SecretKeySpec key;
    private byte[] iv;
    private byte[] sealed;

    /** Makes a value for each peer. */
    @Setup(Level.Trial)
    public void open() throws GeneralSecurityException {
        asherah = new ProtectedMemorySecretFactory().createSecret(new byte[size]);
        NativeLibraries.require();
        guarded = sodium_malloc(size).reinterpret(size);
        guarded.fill((byte) 0);
        sodium_mprotect_noaccess(guarded);
        key = new SecretKeySpec(new byte[32], "AES");
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(Cipher.ENCRYPT_MODE, key);
        iv = cipher.getIV();
        sealed = cipher.doFinal(new byte[size]);
    }

    /** Frees them. */
    @TearDown(Level.Trial)
    public void close() {
        asherah.close();
        sodium_free(guarded);
    }

    /** GoDaddy Asherah's securememory; gives the plaintext as an array on the heap. */
    @Benchmark
    public byte asherah() {
        return asherah.<Byte>withSecretBytes(bytes -> bytes[0]);
    }

    /** libsodium by hand: sodium_malloc, and a pair of mprotect around each read. */
    @Benchmark
    public byte sodium() {
        sodium_mprotect_readonly(guarded);
        byte first = guarded.get(ValueLayout.JAVA_BYTE, 0);
        sodium_mprotect_noaccess(guarded);
        return first;
    }

    /** AES-256-GCM of the JDK: ciphertext, key and plaintext in arrays on the heap. */
    @Benchmark
    public byte jcaAesGcm() throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(128, iv));
        return cipher.doFinal(sealed)[0];
    }
}
