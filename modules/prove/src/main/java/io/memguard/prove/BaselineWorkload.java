package io.memguard.prove;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.function.Function;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * A service that keeps its values in another way, as carefully as that allows: arrays are wiped when they are done with.
 * Arguments: work folder, {@link Baseline}.
 */
final class BaselineWorkload {
    private static final int VALUES = 3;

    // What a search must find.
    private static byte @Nullable [] heap;

    private BaselineWorkload() {}

    /** How a baseline keeps one value, uses it, and drops it. */
    private interface Kept {
        void use(Inside inside) throws Exception;

        void drop() throws Exception;
    }

    private interface Inside {
        void run() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        Path work = Path.of(arguments[0]);
        try (var client = new CanaryClient(work.resolve("socket"))) {
            heap = client.control(PositiveControl.HEAP);
            byte[] inNative = client.control(PositiveControl.NATIVE);
            java.lang.foreign.Arena.global().allocateFrom(ValueLayout.JAVA_BYTE, inNative);
            Arrays.fill(inNative, (byte) 0);
            var checkpoints = new Checkpoints(client, work.resolve("traffic"));
            var all = new ArrayList<Kept>();
            for (int i = 0; i < VALUES; i++) {
                all.add(keep(Baseline.valueOf(arguments[1]), value(client, i)));
            }
            checkpoints.at(Phase.AT_REST.name());
            all.getFirst().use(() -> checkpoints.at(Phase.BORROW.name()));
            for (Kept kept : all) {
                kept.drop();
            }
            all.clear();
            System.gc();
            checkpoints.at(Phase.AFTER_CLOSE.name());
        }
        System.out.println("done " + (heap == null ? 0 : heap.length));
        System.exit(0);
    }

    private static byte[] value(CanaryClient client, int number) {
        try (var buffer = client.ask("text " + number, 32)) {
            return buffer.<byte[], RuntimeException>read(bytes -> bytes.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    private static Kept keep(Baseline baseline, byte[] value) throws Exception {
        return switch (baseline) {
            case STRING -> inString(new String(value, StandardCharsets.US_ASCII));
            case ARRAY -> inArray(value);
            case KEY_STORE -> inKeyStore(value);
            case ASHERAH -> inAsherah(value);
        };
    }

    private static Kept inString(String value) {
        @Nullable String[] holder = {value};
        return new Kept() {
            @Override
            public void use(Inside inside) throws Exception {
                inside.run();
                if (holder[0] == null) {
                    throw new IllegalStateException("dropped");
                }
            }

            @Override
            public void drop() {
                holder[0] = null;
            }
        };
    }

    private static Kept inArray(byte[] value) {
        return new Kept() {
            @Override
            public void use(Inside inside) throws Exception {
                inside.run();
            }

            @Override
            public void drop() {
                Arrays.fill(value, (byte) 0);
            }
        };
    }

    private static Kept inKeyStore(byte[] value) throws Exception {
        char[] password = "a password that is not searched for".toCharArray();
        var made = KeyStore.getInstance("PKCS12");
        made.load(null, password);
        made.setEntry(
                "a",
                new KeyStore.SecretKeyEntry(new SecretKeySpec(value, "AES")),
                new KeyStore.PasswordProtection(password));
        Arrays.fill(value, (byte) 0);
        var file = new ByteArrayOutputStream();
        made.store(file, password);
        var store = KeyStore.getInstance("PKCS12");
        store.load(new ByteArrayInputStream(file.toByteArray()), password);
        return new Kept() {
            @Override
            public void use(Inside inside) throws Exception {
                var key = store.getKey("a", password);
                inside.run();
                key.getEncoded();
            }

            @Override
            public void drop() throws Exception {
                store.deleteEntry("a");
            }
        };
    }

    /** By reflection: this library does not depend on it. */
    private static Kept inAsherah(byte[] value) throws Exception {
        Class<?> factory =
                Class.forName("com.godaddy.asherah.securememory.protectedmemoryimpl.ProtectedMemorySecretFactory");
        Object made = factory.getConstructor().newInstance();
        Object secret = factory.getMethod("createSecret", byte[].class).invoke(made, value); // Wipes the array.
        Class<?> type = Class.forName("com.godaddy.asherah.securememory.Secret");
        Method with = type.getMethod("withSecretBytes", Function.class);
        return new Kept() {
            @Override
            public void use(Inside inside) throws Exception {
                with.invoke(secret, (Function<byte[], Integer>) bytes -> {
                    try {
                        inside.run();
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                    return bytes.length;
                });
            }

            @Override
            public void drop() throws Exception {
                ((AutoCloseable) secret).close();
            }
        };
    }
}
