package io.memguard.tokens;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.HexFormat;
import java.util.Map;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/** SoftHSM 2 with its tokens in a directory of the tests. */
public final class SoftHsm {
    /** The user PIN of every token that a test makes: random, so that nothing else in a JVM looks like it. */
    public static final String PIN = random();

    /** The security officer's. */
    public static final String SO_PIN = "87654321";

    private static final int STOCK = 128;

    private static final Queue<Token> FRESH = new ArrayDeque<>();

    private static @Nullable SoftHsm ofThisJvm;

    private final Path directory;
    private final Path configuration;

    /** Tokens of other processes: pass {@link #environment()} to them. */
    public SoftHsm(Path directory) {
        this(directory, directory.resolve("softhsm2.conf"));
    }

    private static String random() {
        byte[] bytes = new byte[24];
        new SecureRandom().nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private SoftHsm(Path directory, Path configuration) {
        this.directory = directory;
        this.configuration = configuration;
        try {
            Files.createDirectories(directory.resolve("tokens"));
            Files.writeString(
                    configuration,
                    "directories.tokendir = " + directory.resolve("tokens") + "\nlog.level = ERROR\n"
                            + "objectstore.backend = file\nslots.removable = false\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * The one whose tokens this JVM sees. Its library reads its configuration from SOFTHSM2_CONF, and looks for tokens,
     * once in a process: so there is a stock of them.
     */
    public static synchronized SoftHsm ofThisJvm() {
        SoftHsm known = ofThisJvm;
        if (known != null) {
            return known;
        }
        String configuration = System.getenv("SOFTHSM2_CONF");
        if (configuration == null) {
            throw new AssertionError("SOFTHSM2_CONF is not set; pom.xml sets it for the tests");
        }
        Path file = Path.of(configuration).toAbsolutePath();
        Tools.delete(file.getParent()); // What an earlier run has left.
        var made = new SoftHsm(file.getParent(), file);
        for (int i = 1; i <= STOCK; i++) {
            FRESH.add(made.token("%03d-token".formatted(i))); // OpenSC takes a label by its first letters.
        }
        ofThisJvm = made;
        return made;
    }

    /** Takes all tokens away. */
    public void unplug() throws IOException {
        Files.move(directory.resolve("tokens"), directory.resolve("unplugged"));
        Files.createDirectory(directory.resolve("tokens"));
    }

    /** Puts them back. */
    public void plugIn() throws IOException {
        Tools.delete(directory.resolve("tokens"));
        Files.move(directory.resolve("unplugged"), directory.resolve("tokens"));
    }

    /** What a process needs to see these tokens. */
    public Map<String, String> environment() {
        return Map.of("SOFTHSM2_CONF", configuration.toString());
    }

    /** The PKCS #11 library. */
    public static Path module() {
        return Tools.find(
                "/usr/lib/softhsm/libsofthsm2.so",
                "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                "/usr/lib64/pkcs11/libsofthsm2.so");
    }

    /** A token of this JVM that no test has used. */
    public static synchronized Token token() {
        ofThisJvm();
        return FRESH.remove();
    }

    /** A new token, for processes that start from now on. */
    public Token token(String label) {
        initialize("--free", label);
        return new Token(label);
    }

    private void initialize(String... where) {
        var command = new java.util.ArrayList<>(java.util.List.of("softhsm2-util", "--init-token"));
        command.addAll(java.util.List.of(where).subList(0, where.length - 1));
        command.addAll(java.util.List.of("--label", where[where.length - 1], "--pin", PIN, "--so-pin", SO_PIN));
        Tools.run(environment(), command.toArray(String[]::new));
    }

    /** One token. */
    public final class Token {
        private final String label;

        private Token(String label) {
            this.label = label;
        }

        /** Its label. */
        public String label() {
            return label;
        }

        /** The URI of a key in it, without a PIN. */
        public String uri(String object) {
            return "pkcs11:token=" + label + ";object=" + object + "?module-path=" + module();
        }

        /** A file with its PIN. */
        public Path pinFile() {
            return pinFile(PIN);
        }

        /** A file with some other PIN. */
        public Path pinFile(String pin) {
            try {
                return Tools.pinFile(directory, label + "-" + Integer.toHexString(pin.hashCode()) + ".pin", pin);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        /** The same URI with the PIN's file. */
        public String uriWithPin(String object) {
            return uri(object) + "&pin-source=file:" + pinFile();
        }

        /** Runs OpenSC's tool on it, logged in. */
        public String tool(String... arguments) {
            var command = new java.util.ArrayList<>(java.util.List.of(
                    "pkcs11-tool", "--module", module().toString(), "--token-label", label, "--login", "--pin", PIN));
            command.addAll(java.util.List.of(arguments));
            return Tools.run(environment(), command.toArray(String[]::new));
        }

        /** Sets another user PIN, as an administrator would. */
        public void changePin(String pin) {
            Tools.run(
                    environment(),
                    "pkcs11-tool",
                    "--module",
                    module().toString(),
                    "--token-label",
                    label,
                    "--login",
                    "--login-type",
                    "so",
                    "--so-pin",
                    SO_PIN,
                    "--init-pin",
                    "--new-pin",
                    pin);
        }

        /** Re-initializes it: all its keys are gone, and its serial number is another. */
        public void initializeAgain() {
            initialize("--token", label, label);
        }

        /** Takes it away, with all that is in it. */
        public void remove() {
            Tools.run(environment(), "softhsm2-util", "--delete-token", "--token", label);
        }
    }
}
