package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.mg_wipe_traces;

/** What libraries of others leave of plaintext where they worked. Thread-safe. */
public final class ResidueWiper {
    private ResidueWiper() {}

    /** Wipes registers and the stack below the caller, right after a call of another library from the same frame. */
    public static void wipe() {
        if (NativeLibraries.isLoaded()) {
            mg_wipe_traces();
        }
    }
}
