package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeptSource;
import io.memguard.keys.RollbackRecords;
import io.memguard.keys.SecretSource;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Records as private data objects in a token (CKO_DATA, PKCS #11 v3.0, section 4.5), one a file, found by CKA_APPLICATION
 * (the store) and CKA_LABEL (the id's first half); CKA_VALUE begins with the whole id. Thread-safe. How many a token has room
 * for, and how often its memory may be written, its manual says. The token of the key serves, or any other but a TPM.
 */
public final class Pkcs11Records implements RollbackRecords {
    private static final int LABEL_BYTES = 16;
    private static final int MOST = 1_000_000;
    private static final int MOST_OF_ONE = 4;

    /**
     * tpm2-pkcs11 (1.9): a changed value is the one before for every later process, each process sees the objects of its own
     * start only, and they are in a file, not in the TPM.
     */
    private static final String TPM2_PKCS11 = "tpm2-software.github.io";

    /** What tokens say that don't change a value in place. */
    private static final Set<Long> UNCHANGEABLE = Set.of(
            CKR_ATTRIBUTE_READ_ONLY(),
            CKR_ACTION_PROHIBITED(),
            CKR_FUNCTION_NOT_SUPPORTED(),
            CKR_ATTRIBUTE_TYPE_INVALID(),
            CKR_TEMPLATE_INCONSISTENT());

    private final Pkcs11Uri uri;
    private final SecretSource pin;
    private @Nullable Token token;

    private Pkcs11Records(Pkcs11Uri uri, SecretSource pin) {
        this.uri = uri.requireFits(Pkcs11Uri.DATA);
        this.pin = pin;
    }

    /** In the token of a URI that says where the PIN is. Connects when it is first used. */
    public static Pkcs11Records uri(String uri) {
        var parsed = Pkcs11Uri.parse(uri);
        return new Pkcs11Records(
                parsed,
                Pkcs11Keys.pinSource(parsed)
                        .orElseThrow(() -> new MemGuardException(
                                ErrorCode.INVALID_ARGUMENTS,
                                "where is the PIN? add pin-source=file:/path to the URI, or pass a source")));
    }

    /** The same, with the PIN from a source. */
    public static Pkcs11Records uri(String uri, SecretSource pin) {
        return new Pkcs11Records(Pkcs11Uri.parse(uri), pin);
    }

    @Override
    public Optional<byte[]> get(String storeId, byte[] id) {
        return during(
                "a record can't be read",
                () -> token().call(session -> {
                    token().requireLogin(session); // Who is logged out finds nothing.
                    // Two, where a process was killed while it replaced the first by the second: both are true then.
                    byte[][] values = LongStream.of(objects(session, storeId, id))
                            .mapToObj(object -> value(session, object, id))
                            .flatMap(Optional::stream)
                            .toArray(byte[][]::new);
                    return values.length == 0 ? Optional.<byte[]>empty() : Optional.of(concat(values));
                }));
    }

    @Override
    public void put(String storeId, byte[] id, byte[] value) {
        byte[] content = concat(id, value);
        during("a record can't be kept", () -> {
            get(storeId, id); // Mends the connection, which writing does not.
            return token().write(session -> {
                token().requireLogin(session);
                long[] present = objects(session, storeId, id);
                if (present.length == 1 && change(session, present[0], content)) {
                    requireKept("C_SetAttributeValue", session, present[0], content);
                } else {
                    requireKept("C_CreateObject", session, create(session, storeId, id, content), content);
                    for (long object : present) {
                        functions().destroyObject(session, object);
                    }
                }
                return true;
            });
        });
    }

    private boolean change(long session, long object, byte[] content) {
        try (var arena = Arena.ofConfined()) {
            functions().setAttributes(session, object, new Template(arena).bytes(CKA_VALUE(), content));
            return true;
        } catch (CkException e) {
            if (UNCHANGEABLE.contains(e.rv())) {
                return false;
            }
            throw e;
        }
    }

    private long create(long session, String storeId, byte[] id, byte[] content) {
        try (var arena = Arena.ofConfined()) {
            return functions()
                    .createObject(
                            session,
                            template(arena, storeId)
                                    .bytes(CKA_LABEL(), label(id))
                                    .bool(CKA_MODIFIABLE(), true)
                                    .bytes(CKA_VALUE(), content));
        }
    }

    /** SoftHSM on a full disk says that it has made an object, and has not: the one before must not go for that. */
    private void requireKept(String function, long session, long object, byte[] content) {
        if (!isKept(session, object, content)) {
            throw new CkException(function, CKR_DEVICE_MEMORY());
        }
    }

    private boolean isKept(long session, long object, byte[] content) {
        try {
            return functions()
                    .attribute(session, object, CKA_VALUE())
                    .filter(kept -> Arrays.equals(kept, content))
                    .isPresent();
        } catch (CkException e) {
            if (e.rv() == CKR_OBJECT_HANDLE_INVALID()) {
                return false;
            }
            throw e;
        }
    }

    @Override
    public void remove(String storeId, byte[] id) {
        during("a record can't be removed", () -> {
            get(storeId, id);
            return token().write(session -> {
                token().requireLogin(session);
                for (long object : objects(session, storeId, id)) {
                    functions().destroyObject(session, object);
                }
                return true;
            });
        });
    }

    @Override
    public List<byte[]> ids(String storeId) {
        return during(
                "the records can't be read",
                () -> token().call(session -> {
                    token().requireLogin(session);
                    try (var arena = Arena.ofConfined()) {
                        return LongStream.of(functions().find(session, template(arena, storeId), MOST))
                                .mapToObj(object -> functions().attribute(session, object, CKA_VALUE()))
                                .flatMap(Optional::stream)
                                .filter(content -> content.length >= ID_SIZE)
                                .map(content -> Arrays.copyOf(content, ID_SIZE))
                                .toList();
                    }
                }));
    }

    private long[] objects(long session, String storeId, byte[] id) {
        try (var arena = Arena.ofConfined()) {
            return functions().find(session, template(arena, storeId).bytes(CKA_LABEL(), label(id)), MOST_OF_ONE);
        }
    }

    /** Without its id; nothing where the object is of another one. */
    private Optional<byte[]> value(long session, long object, byte[] id) {
        return functions()
                .attribute(session, object, CKA_VALUE())
                .filter(content -> content.length >= ID_SIZE && Arrays.equals(content, 0, ID_SIZE, id, 0, ID_SIZE))
                .map(content -> Arrays.copyOfRange(content, ID_SIZE, content.length));
    }

    /** Private ones only: a public object can be made without the PIN, and would allow what its maker likes. */
    private static Template template(Arena arena, String storeId) {
        return new Template(arena)
                .number(CKA_CLASS(), CKO_DATA())
                .bool(CKA_TOKEN(), true)
                .bool(CKA_PRIVATE(), true)
                .bytes(CKA_APPLICATION(), ("memguard " + storeId).getBytes(StandardCharsets.US_ASCII));
    }

    private static byte[] label(byte[] id) {
        return HexFormat.of().formatHex(id, 0, LABEL_BYTES).getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] concat(byte[]... parts) {
        byte[] all = new byte[Stream.of(parts).mapToInt(part -> part.length).sum()];
        int at = 0;
        for (byte[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    private Cryptoki functions() {
        return token().module().functions();
    }

    private synchronized Token token() {
        Token known = token;
        if (known == null) {
            known = Token.connect(uri, pin);
            try {
                requireServes(known.module());
            } catch (Throwable failure) {
                known.close();
                throw failure;
            }
            token = known;
        }
        return known;
    }

    private static void requireServes(Pkcs11Module module) {
        boolean loses = module.use(() -> module.functions().library())
                .filter(library -> library.manufacturer().text().equals(TPM2_PKCS11))
                .isPresent();
        if (loses) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "a TPM can't keep records of files: tpm2-pkcs11 loses changes of its data objects, and other processes do"
                            + " not see them; name another token for them (docs/HARDWARE.md), the key may stay in the TPM");
        }
    }

    @FunctionalInterface
    private interface Call<R> {
        R run();
    }

    private static <R> R during(String what, Call<R> call) {
        try {
            return call.run();
        } catch (CkException e) {
            throw ReturnValues.failure(what + " in the token", e);
        }
    }

    @Override
    public synchronized void close() {
        KeptSource.forget(pin);
        if (token != null) {
            token.close();
        }
    }
}
