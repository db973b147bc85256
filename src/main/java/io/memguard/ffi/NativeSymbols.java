package io.memguard.ffi;

import java.lang.foreign.SymbolLookup;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where the generated bindings of libmemguard_ffi and libsodium find their functions: in libmemguard_ffi as it was opened,
 * and in what that is linked to. So Java and Rust use one and the same libsodium, whichever others the process has.
 */
public final class NativeSymbols {
    private static volatile @Nullable SymbolLookup opened;

    private NativeSymbols() {}

    /** From now on they are found here; what was found before stays as it is. */
    public static void use(SymbolLookup symbols) {
        opened = symbols;
    }

    /** Finds nothing until {@link #use} was called; for all threads. */
    public static SymbolLookup lookup() {
        return name -> {
            SymbolLookup symbols = opened;
            return symbols == null ? Optional.empty() : symbols.find(name);
        };
    }
}
