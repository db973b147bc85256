package io.memguard.os;

import java.lang.ref.Cleaner;
import org.jspecify.annotations.Nullable;

/**
 * Gives back what an object has that was forgotten: collected, and never closed. An application that a container unloads may
 * do that at each reload.
 */
public final class Forgotten {
    private static final @Nullable Cleaner CLEANER = start();

    private Forgotten() {}

    private static @Nullable Cleaner start() {
        try {
            return Cleaner.create();
        } catch (OutOfMemoryError e) { // No thread can be started.
            return null;
        }
    }

    /**
     * Has this done once: when the result is run, or else after the object was collected.
     *
     * @param object not to be in a static field: what is to be done is held until it is collected, and with it the class loader
     * @param giveBack does not know the object; may run while a call on it ends, unless that holds it by a reachability fence
     */
    public static Runnable watch(Object object, Runnable giveBack) {
        return CLEANER == null ? giveBack : CLEANER.register(object, giveBack)::clean;
    }
}
