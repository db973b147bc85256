package io.memguard.os;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.lang.foreign.MemorySegment;

/** Whether Java lets this library call native code. */
public final class NativeAccess {
    private NativeAccess() {}

    /**
     * Says which flag is missing, before a class that needs native code fails to initialize for good. Where Java only warns,
     * it does so here.
     *
     * @throws MemGuardException SECURITY_ERROR under {@code --illegal-native-access=deny}, or where only other modules are
     *     named by {@code --enable-native-access}
     */
    public static void require() {
        try {
            restricted();
        } catch (IllegalCallerException e) {
            Module module = NativeAccess.class.getModule();
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "Java denies native access: start it with --enable-native-access="
                            + (module.isNamed() ? module.getName() : "ALL-UNNAMED")
                            + ", or have Enable-Native-Access: ALL-UNNAMED in the manifest of the jar that java -jar starts",
                    e);
        }
    }

    /** The cheapest method that Java restricts. */
    private static MemorySegment restricted() {
        return MemorySegment.NULL.reinterpret(0);
    }
}
