package io.memguard.crash;

import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.KeyProviders;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.tokens.TokenTrace;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.stream.Stream;

/** A JVM that changes the key of a store, and may be killed in that; or lives beside it; or looks at what is left. */
final class TokenActor {
    /** In place of the keys that a change leads to: it was interrupted, and is given up. */
    static final String ABORT = "abort";

    private TokenActor() {}

    /** {@code what directory keys …}, where keys are URIs of tokens and passphrases, the first that works first. */
    public static void main(String[] arguments) throws Exception {
        Path directory = Path.of(arguments[1]);
        switch (arguments[0]) {
            case "change" ->
                change(
                        directory,
                        arguments[2],
                        arguments[3],
                        Long.parseLong(arguments[4]),
                        Long.parseLong(arguments[5]));
            case "beside" -> beside(directory, arguments[2]);
            default -> look(directory, arguments[2], arguments[3], Integer.parseInt(arguments[4]));
        }
    }

    static KeyProvider keys(String text) {
        var providers = Stream.of(text.split(" "))
                .map(one -> one.startsWith("pkcs11:")
                        ? Pkcs11Keys.uri(one)
                        : SoftwareKeys.passphrase(() -> Secrets.text(one)).cost(1, 8 << 20))
                .toArray(KeyProvider[]::new);
        return providers.length == 1 ? providers[0] : KeyProviders.firstOf(providers);
    }

    private static final class Interrupted extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /** A change to another passphrase, as one that was killed leaves it. */
    private static void interrupt(MemGuard guard) {
        try {
            guard.rekey(keys("another"), (done, all) -> {
                throw new Interrupted();
            });
        } catch (Interrupted e) {
            // Both keys are there now.
        }
    }

    /** Makes a store of some values; then, when it is told to, another key. */
    private static void change(Path directory, String from, String to, long change, long write) throws Exception {
        var files = new Filetrace();
        var token = new TokenTrace();
        try (var guard = MemGuard.at(directory).keys(keys(from)).open()) {
            for (int i = 0; i < TokenKillTest.VALUES; i++) {
                store(guard, "before " + i, i);
            }
            if (to.equals(ABORT)) {
                interrupt(guard);
            }
            System.out.println("ready");
            System.in.read();
            long changes = files.changes();
            long writes = token.writes();
            if (change > 0) {
                files.killBehind(change);
            }
            if (write > 0) {
                token.killBehind(write);
            }
            changeKey(guard, from, to);
            System.out.println("done " + (files.changes() - changes) + " " + (token.writes() - writes));
        }
    }

    private static void changeKey(MemGuard guard, String from, String to) {
        if (to.equals(ABORT)) {
            guard.abortRekey((done, all) -> {});
        } else if (from.equals(to)) {
            guard.rotate((done, all) -> {});
        } else {
            guard.rekey(keys(to), (done, all) -> {});
        }
    }

    /** Stores value after value, and says so of each, until a line comes. */
    private static void beside(Path directory, String keys) throws IOException {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (var guard = MemGuard.at(directory).keys(keys(keys)).open()) {
            System.out.println("ready");
            int stored = 0;
            while (!in.ready()) {
                try {
                    store(guard, "beside " + stored, TokenKillTest.VALUES + stored);
                    stored++;
                } catch (MemGuardException e) {
                    System.out.println("not stored: " + e.getMessage()); // Said so: nothing was acknowledged.
                    Thread.onSpinWait();
                }
            }
            System.out.println("stored " + stored);
        }
    }

    /** Everything is there; then the change is asked for again, and everything is there for who asked for it. */
    private static void look(Path directory, String from, String to, int beside) {
        try (var guard = MemGuard.at(directory).keys(keys(from)).open()) {
            check(guard, beside);
            changeKey(guard, from, to);
        } catch (MemGuardException e) {
            if (from.equals(to)) {
                throw e;
            }
            System.out.println("over already: " + e.getMessage());
        }
        String then = to.equals(ABORT) ? from : to;
        try (var guard = MemGuard.at(directory).keys(keys(then)).open()) {
            check(guard, beside);
            guard.rotate((done, all) -> {});
        }
        try (var guard = MemGuard.at(directory).keys(keys(then)).open()) {
            check(guard, beside);
        }
        System.out.println("all there");
    }

    private static void check(MemGuard guard, int beside) {
        for (int i = 0; i < TokenKillTest.VALUES; i++) {
            require(guard, "before " + i, i);
        }
        for (int i = 0; i < beside; i++) {
            require(guard, "beside " + i, TokenKillTest.VALUES + i);
        }
    }

    private static void require(MemGuard guard, String name, int seed) {
        if (!guard.<Boolean, RuntimeException>read(name, s -> Secrets.matches(s, seed))) {
            throw new AssertionError(name + " has another value");
        }
    }

    private static void store(MemGuard guard, String name, int seed) {
        try (var value = Secrets.random(20, seed)) {
            guard.store(name, value);
        }
    }
}
