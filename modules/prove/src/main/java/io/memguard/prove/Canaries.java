package io.memguard.prove;

import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** All that is searched for; made when the subject asks for it, so that nothing it can have is missing. Thread-safe. */
final class Canaries {
    private final SecureRandom random = new SecureRandom();
    private final Map<String, Canary> all = new LinkedHashMap<>();
    private @Nullable CanaryMatcher matcher; // Of all; remade when one is added, since that takes seconds.

    /** Random bytes, or random text where the name speaks of text or a passphrase; the same for the same name. */
    synchronized byte[] get(String name, int size) {
        return all.computeIfAbsent(name, key -> {
                    matcher = null;
                    return new Canary(key, kind(key), isText(key) ? text(size) : bytes(size));
                })
                .bytes();
    }

    /** What is known from elsewhere, a derived key or a PIN. */
    synchronized void put(String name, Canary.Kind kind, byte[] bytes) {
        matcher = null;
        all.put(name, new Canary(name, kind, bytes));
    }

    /** What finds them. */
    synchronized CanaryMatcher matcher() {
        CanaryMatcher known = matcher;
        if (known == null) {
            known = new CanaryMatcher(all.values());
            matcher = known;
        }
        return known;
    }

    private static Canary.Kind kind(String name) {
        if (name.startsWith("control ")) {
            return Canary.Kind.CONTROL;
        }
        return switch (name) {
            case Workload.HELD -> Canary.Kind.HELD;
            case Workload.DIRECT -> Canary.Kind.ON_HEAP;
            default -> Canary.Kind.SECRET;
        };
    }

    private static boolean isText(String name) {
        return name.contains("passphrase") || name.contains("text");
    }

    private byte[] bytes(int size) {
        byte[] bytes = new byte[size];
        random.nextBytes(bytes);
        return bytes;
    }

    private byte[] text(int size) {
        String text = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes(size));
        return text.substring(0, size).getBytes(StandardCharsets.US_ASCII);
    }
}
