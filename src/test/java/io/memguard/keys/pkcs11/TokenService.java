package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.*;

import io.memguard.MemGuard;
import io.memguard.MemGuardBuilder;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.tokens.TokenTrace;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A service on a token, in a JVM of its own, that does what it is told line by line and answers each with one line. What
 * happens to its token meanwhile is the business of the test that started it.
 */
final class TokenService {
    private static final int VALUES = 64;

    private final Path directory;
    private @Nullable MemGuard guard;
    private @Nullable Token token;

    private TokenService(Path directory) {
        this.directory = directory;
    }

    public static void main(String[] arguments) throws IOException {
        var service = new TokenService(Path.of(arguments[0]));
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String answer;
            try {
                answer = service.handle(line.split(" "));
            } catch (MemGuardException e) {
                answer = e.code() + " " + e.getMessage();
            } catch (Throwable e) {
                e.printStackTrace();
                answer = "failed " + e;
            }
            System.out.println("> " + answer);
        }
    }

    private String handle(String[] words) throws Exception {
        return switch (words[0]) {
            case "open" -> {
                guard = builder(words).open();
                yield "ok";
            }
            case "accept" -> {
                builder(words).trustCurrentState((done, all) -> {});
                yield "ok";
            }
            case "delete" -> {
                guard().delete(words[1]);
                yield "ok";
            }
            case "rotate" -> {
                guard().rotate((done, all) -> {});
                yield "ok";
            }
            case "open-degraded" -> {
                guard = MemGuard.at(directory)
                        .keys(Pkcs11Keys.uri(words[1]))
                        .allowDegraded()
                        .open();
                yield "ok";
            }
            case "close" -> {
                guard().close();
                yield "ok";
            }
            case "store" -> {
                try (var value = Secrets.random(Long.parseLong(words[2]), Long.parseLong(words[3]))) {
                    guard().store(words[1], value);
                }
                yield "ok";
            }
            case "cold" -> {
                guard().cleanupMemory();
                yield read(words[1], Long.parseLong(words[2]));
            }
            case "hot" -> read(words[1], Long.parseLong(words[2]));
            case "direct" -> {
                byte[] value = guard().retrieveDirect(words[1]).orElseThrow();
                yield Secrets.matches(java.lang.foreign.MemorySegment.ofArray(value), Long.parseLong(words[2]))
                        ? "right"
                        : "wrong";
            }
            case "sun-logout" -> {
                sun(words[1], provider -> {
                    provider.login(
                            null,
                            callbacks -> ((javax.security.auth.callback.PasswordCallback) callbacks[0])
                                    .setPassword(words[2].toCharArray()));
                    provider.logout();
                });
                yield "ok";
            }
            case "fill" -> fill(Integer.parseInt(words[1]));
            case "calls" -> Long.toString(new TokenTrace().calls(words[1]));
            case "fail" -> {
                new TokenTrace()
                        .fail(
                                words[1],
                                Long.parseLong(words[2]),
                                Long.parseLong(words[3]),
                                Long.decode(words[4]),
                                words.length > 5);
                yield "ok";
            }
            case "data" -> data(words[1], words[2], words.length > 3 ? words[3] : "");
            case "threads" -> threads(words[1], Integer.parseInt(words[2]), Integer.parseInt(words[3]));
            default -> throw new IllegalArgumentException(words[0]);
        };
    }

    /** Names 0, 1, 2 …, each with the bytes that belong to its number. */
    private String fill(int values) {
        var all = new LinkedHashMap<String, SecretBuffer>();
        for (int i = 0; i < values; i++) {
            all.put(Integer.toString(i), Secrets.random(32, i));
        }
        guard().storeAll(all);
        all.values().forEach(SecretBuffer::close);
        return "ok";
    }

    /** A URI of a key, or "software"; and a URI of records, where there is one. */
    private MemGuardBuilder builder(String[] words) {
        var keys = words[1].equals("software")
                ? SoftwareKeys.passphrase(() -> Secrets.text("a passphrase")).cost(1, 8 << 20)
                : Pkcs11Keys.uri(words[1]);
        var builder = MemGuard.at(directory).keys(keys);
        return words.length > 2 ? builder.detectRollback(Pkcs11Records.uri(words[2])) : builder;
    }

    /** Data objects as they are, without the library's own opinion of a token: makes one, changes all, or tells their values. */
    private String data(String uri, String what, String value) {
        Token known = token;
        if (known == null) {
            var parsed = Pkcs11Uri.parse(uri);
            known = Token.connect(parsed, Pkcs11Keys.pinSource(parsed).orElseThrow());
            token = known;
        }
        var functions = known.module().functions();
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        return known.write(session -> {
            try (var arena = Arena.ofConfined()) {
                var all = new Template(arena).number(CKA_CLASS(), CKO_DATA()).bool(CKA_TOKEN(), true);
                if (what.equals("make")) {
                    functions.createObject(
                            session, all.bool(CKA_PRIVATE(), true).bytes(CKA_VALUE(), bytes));
                    return "ok";
                }
                var values = new StringBuilder();
                for (long object : functions.find(session, all, VALUES)) {
                    if (what.equals("change")) {
                        functions.setAttributes(session, object, new Template(arena).bytes(CKA_VALUE(), bytes));
                    }
                    values.append(functions
                            .attribute(session, object, CKA_VALUE())
                            .map(found -> new String(found, StandardCharsets.UTF_8))
                            .orElse("none"));
                }
                return values.toString();
            }
        });
    }

    private MemGuard guard() {
        return java.util.Objects.requireNonNull(guard);
    }

    private String read(String name, long seed) {
        return guard().<Boolean, RuntimeException>read(name, segment -> Secrets.matches(segment, seed))
                ? "right"
                : "wrong";
    }

    interface Use {
        void with(java.security.AuthProvider provider) throws Exception;
    }

    /** A SunPKCS11 of this process that is not the library's own. */
    private static void sun(String configuration, Use use) throws Exception {
        var provider = java.security.Security.getProvider("SunPKCS11").configure(configuration);
        use.with((java.security.AuthProvider) provider);
    }

    /** Each thread stores and reads under a name of its own; a locked buffer for each of 10,000 would not fit the usual limit. */
    private String threads(String kind, int threads, int rounds) throws InterruptedException {
        var failures = new AtomicInteger();
        var values = IntStream.range(0, VALUES)
                .mapToObj(seed -> Secrets.random(64, seed))
                .toList();
        try (var pool = kind.equals("virtual")
                ? Executors.newVirtualThreadPerTaskExecutor()
                : Executors.newFixedThreadPool(threads)) {
            IntStream.range(0, threads)
                    .forEach(number -> pool.execute(() -> {
                        try {
                            for (int round = 0; round < rounds; round++) {
                                int seed = (number + round) % VALUES;
                                guard().store("thread " + number, values.get(seed));
                                byte[] read = guard().read(
                                                "thread " + number,
                                                s -> s.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
                                if (!Secrets.matches(java.lang.foreign.MemorySegment.ofArray(read), seed)) {
                                    throw new AssertionError("thread " + number + " read a wrong value");
                                }
                            }
                        } catch (Throwable e) {
                            e.printStackTrace();
                            failures.incrementAndGet();
                        }
                    }));
        }
        values.forEach(SecretBuffer::close);
        return failures.get() == 0 ? "ok" : failures.get() + " threads failed";
    }
}
