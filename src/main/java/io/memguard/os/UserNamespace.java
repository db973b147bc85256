package io.memguard.os;

import java.io.IOException;
import java.nio.file.Path;

/** A user namespace in which this process may be; see user_namespaces(7). */
public final class UserNamespace {
    /** What those who say so advise. */
    public static final String REMEDY =
            "map root as well (unshare --map-auto, the container's uid map), or run outside of the namespace";

    private static final int OVERFLOW = 65534; // /proc/sys/kernel/overflowuid

    private UserNamespace() {}

    /** Whether this owner is only what is shown in the place of one that is not mapped, as root's is in its own place. */
    public static boolean hides(int owner) throws IOException {
        return owner == OVERFLOW && Posix.status(Path.of("/")).user() == OVERFLOW;
    }

    /** That of something is hidden, in words. */
    public static String hidden() {
        return "has an owner that this process can't see (shown as uid " + OVERFLOW
                + "): it is in a user namespace that does not map root";
    }
}
