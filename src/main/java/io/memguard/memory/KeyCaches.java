package io.memguard.memory;

import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The cache that a store keeps for keys at work alone; without a public method of the store for it. */
public final class KeyCaches {
    private static volatile @Nullable Function<Object, SealedCache> access;

    private KeyCaches() {}

    /** Called by the class of the stores before there is one. */
    public static void install(Function<Object, SealedCache> accessToStores) {
        access = accessToStores;
    }

    /** The cache of a store; closed with it. */
    public static SealedCache of(Object store) {
        return Objects.requireNonNull(access).apply(store);
    }
}
