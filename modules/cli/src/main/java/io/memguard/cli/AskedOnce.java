package io.memguard.cli;

import io.memguard.SecretBuffer;
import io.memguard.keys.KeptSource;
import io.memguard.keys.SecretSource;
import io.memguard.keys.SecretSources;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * The passphrases and PINs of one run of a command, each read or asked for once, however many providers need it, and kept
 * sealed until the command ends.
 */
final class AskedOnce {
    private static final Map<Object, KeptSource> KNOWN = new HashMap<>();

    private AskedOnce() {}

    /** @param what equal for the same secret */
    static synchronized SecretSource source(Object what, Supplier<SecretSource> source) {
        var kept = KNOWN.computeIfAbsent(what, unknown -> SecretSources.kept(source.get()));
        return new Shared(kept);
    }

    /** Not closed by a provider: another one may need it. */
    private record Shared(KeptSource kept) implements SecretSource {
        @Override
        public SecretBuffer read() {
            return kept.read();
        }
    }

    /** Wipes all of them. */
    static synchronized void forget() {
        KNOWN.values().forEach(KeptSource::close);
        KNOWN.clear();
    }
}
