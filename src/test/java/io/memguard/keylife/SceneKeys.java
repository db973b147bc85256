package io.memguard.keylife;

import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.tokens.SoftHsm;
import io.memguard.tokens.Tools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;

/** Where the keys of a scene's store are; "one", "two" and "three" are what opens them. */
interface SceneKeys {
    KeyProvider of(String name);

    /** How many there are of this scene's store. */
    int count(Path folder) throws IOException;

    /** Whether keys are files of the store, which is put back as it was before each order. */
    boolean areInFolder();

    /** Where they are not: keys of stores that were made before count no more. */
    void renew();

    /**
     * By a name: "files", "software"; "envelope" and "direct" are keys in SoftHSM.
     *
     * @param tokens the URIs of two, with OBJECT in place of a key's name; not looked at for files
     */
    static SceneKeys named(String name, List<String> tokens) {
        return switch (name) {
            case "files" -> new InFolder(KeyFiles::new);
            case "software" -> new InFolder(Stores::software);
            default -> new InTokens(tokens, name.equals("envelope") ? KeyMode.ENVELOPE : KeyMode.DIRECT);
        };
    }

    /** Keys in files. */
    record InFolder(Function<String, KeyProvider> providers) implements SceneKeys {
        @Override
        public KeyProvider of(String name) {
            return providers.apply(name);
        }

        @Override
        public int count(Path folder) throws IOException {
            return Stores.containers(folder).size();
        }

        @Override
        public boolean areInFolder() {
            return true;
        }

        @Override
        public void renew() {}
    }

    /** The first token has the key "one". A token can't be put back under a module: each store has keys of other names. */
    final class InTokens implements SceneKeys {
        private final List<String> tokens;
        private final KeyMode mode;
        private final SplittableRandom random = new SplittableRandom();
        private String store = "";

        private InTokens(List<String> tokens, KeyMode mode) {
            this.tokens = tokens;
            this.mode = mode;
        }

        private String label(String name) {
            return mode + "-" + store + "-" + name;
        }

        @Override
        public KeyProvider of(String name) {
            String uri = tokens.get(name.equals("one") ? 0 : 1);
            return Pkcs11Keys.uri(uri.replace("OBJECT", label(name))).mode(mode);
        }

        @Override
        public int count(Path folder) throws IOException {
            int keys = 0;
            for (String uri : tokens) {
                String label = uri.replaceFirst("pkcs11:token=([^;]*);.*", "$1");
                String pin = Files.readString(Path.of(uri.replaceFirst(".*pin-source=file:", "")));
                String objects = Tools.run(
                        Map.of(),
                        "pkcs11-tool",
                        "--module",
                        SoftHsm.module().toString(),
                        "--token-label",
                        label,
                        "--login",
                        "--pin",
                        pin.strip(),
                        "--list-objects",
                        "--type",
                        "secrkey");
                keys += (int) objects.lines()
                        .filter(line -> line.contains("label:") && line.contains(label("")))
                        .count();
            }
            return keys;
        }

        @Override
        public boolean areInFolder() {
            return false;
        }

        @Override
        public void renew() {
            store = HexFormat.of().toHexDigits(random.nextInt());
        }
    }
}
