package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.*;

import io.memguard.MemGuard;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import io.memguard.ffi.gen.pkcs11._CK_MECHANISM;
import io.memguard.ffi.gen.pkcs11.ck_gcm_params;
import io.memguard.tokens.TokenTrace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What many values in direct mode cost beside the token's own calls: each step's time, its C_Encrypt and C_Decrypt, and
 * the time of as many of them on the same key with nothing around them.
 */
final class TokenPrice {
    private static final int GROUP = 1000;
    private static final int SIZE = 32;

    private final TokenTrace trace = new TokenTrace();
    private final Pkcs11Uri uri;
    private double encryption;
    private double decryption;

    private TokenPrice(String uri) throws Exception {
        this.uri = Pkcs11Uri.parse(uri);
    }

    /** A directory, a URI, and how many values. */
    public static void main(String[] arguments) throws Exception {
        int values = Integer.parseInt(arguments[2]);
        var price = new TokenPrice(arguments[1]);
        try (var guard = MemGuard.at(Path.of(arguments[0]))
                .keys(Pkcs11Keys.uri(arguments[1]))
                .open()) {
            price.measure(guard, "warm", Math.min(values, GROUP), false);
            guard.list().forEach(guard::delete);
            price.calibrate(values);
            price.measure(guard, "", values, true);
        }
        System.out.println("logins " + price.trace.calls("C_Login"));
    }

    private void measure(MemGuard guard, String prefix, int values, boolean told) {
        step(told, "store", () -> {
            for (int first = 0; first < values; first += GROUP) {
                var group = new LinkedHashMap<String, SecretBuffer>();
                for (int i = first; i < Math.min(values, first + GROUP); i++) {
                    group.put(prefix + i, Secrets.random(SIZE, i));
                }
                guard.storeAll(group);
                group.values().forEach(SecretBuffer::close);
            }
        });
        guard.cleanupMemory();
        step(told, "read", () -> {
            for (int i = 0; i < values; i++) {
                int seed = i;
                if (!guard.<Boolean, RuntimeException>read(prefix + i, s -> Secrets.matches(s, seed))) {
                    throw new AssertionError("value " + i);
                }
            }
        });
        step(told, "rotate", () -> guard.rotate((done, all) -> {}));
    }

    private void step(boolean told, String name, Runnable work) {
        long encryptions = trace.calls("C_Encrypt");
        long decryptions = trace.calls("C_Decrypt");
        long wall = System.nanoTime();
        long start = processorTime();
        work.run();
        double seconds = (processorTime() - start) / 1e9;
        double waited = (System.nanoTime() - wall) / 1e9;
        encryptions = trace.calls("C_Encrypt") - encryptions;
        decryptions = trace.calls("C_Decrypt") - decryptions;
        double raw = encryptions * encryption + decryptions * decryption;
        if (told) {
            System.out.printf(
                    Locale.ROOT,
                    "%s %.2f s, %d C_Encrypt, %d C_Decrypt, these alone %.2f s, ratio %.2f; by the clock %.2f s%n",
                    name,
                    seconds,
                    encryptions,
                    decryptions,
                    raw,
                    seconds / raw,
                    waited);
        }
    }

    /** The seconds that one call takes, its Init included, in one session. */
    private void calibrate(int calls) {
        try (var token = Token.connect(uri, Pkcs11Keys.pinSource(uri).orElseThrow());
                var arena = Arena.ofConfined()) {
            var functions = token.module().functions();
            var plain = arena.allocate(SIZE);
            var sealed = arena.allocate(SIZE + 16);
            var opened = arena.allocate(SIZE + 16);
            var mechanism = gcm(arena);
            token.<@Nullable Void>call(session -> {
                long key = functions
                        .find(
                                session,
                                new Template(arena)
                                        .number(CKA_CLASS(), CKO_SECRET_KEY())
                                        .bool(CKA_ENCRYPT(), true),
                                1)[0];
                for (int round = 0; round < 2; round++) {
                    long start = processorTime();
                    for (int i = 0; i < calls; i++) {
                        functions.encrypt(session, mechanism, key, plain, sealed);
                    }
                    long middle = processorTime();
                    for (int i = 0; i < calls; i++) {
                        functions.decrypt(session, mechanism, key, sealed, opened, SIZE);
                    }
                    encryption = (middle - start) / 1e9 / calls;
                    decryption = (processorTime() - middle) / 1e9 / calls;
                }
                return null;
            });
        }
    }

    /** Of this thread: it does not count what the machine does for others, nor waits for the disk. */
    private static long processorTime() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    private static MemorySegment gcm(Arena arena) {
        var parameters = ck_gcm_params.allocate(arena);
        ck_gcm_params.pIv(parameters, arena.allocate(12));
        ck_gcm_params.ulIvLen(parameters, 12);
        ck_gcm_params.ulIvBits(parameters, 96);
        ck_gcm_params.pAAD(parameters, arena.allocate(53));
        ck_gcm_params.ulAADLen(parameters, 53);
        ck_gcm_params.ulTagBits(parameters, 128);
        var mechanism = _CK_MECHANISM.allocate(arena);
        _CK_MECHANISM.mechanism(mechanism, CKM_AES_GCM());
        _CK_MECHANISM.pParameter(mechanism, parameters);
        _CK_MECHANISM.ulParameterLen(mechanism, parameters.byteSize());
        return mechanism;
    }
}
