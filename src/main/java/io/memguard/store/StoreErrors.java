package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.os.FileErrors;
import java.io.IOException;
import java.util.Objects;

/** Says what an I/O error means and what to do. File names in it are hashes. */
final class StoreErrors {
    private StoreErrors() {}

    static MemGuardException failed(ErrorCode code, String what, IOException e) {
        return new MemGuardException(code, what + ": " + FileErrors.reason(e), e);
    }

    /** Java has one error for all kinds of memory, and for threads; its text says which. */
    static MemGuardException failed(ErrorCode code, String what, OutOfMemoryError e) {
        String text = Objects.requireNonNullElse(e.getMessage(), "");
        String reason;
        if (text.contains("native thread")) {
            reason =
                    "no thread can be started; raise the limit of processes (ulimit -u, TasksMax= of the unit, the pids limit of"
                            + " the container), or free memory";
        } else if (text.contains("direct buffer")) {
            reason = "direct memory is used up; raise -XX:MaxDirectMemorySize";
        } else if (text.contains("Metaspace") || text.contains("class space")) {
            reason = "memory for classes is used up; raise -XX:MaxMetaspaceSize";
        } else if (text.contains("heap") || text.contains("array size") || text.contains("GC overhead")) {
            reason = "the heap is full; raise -Xmx, or free some of it";
        } else if (text.isBlank()) {
            reason = "memory is used up; free some";
        } else {
            reason = "memory is used up (" + text.lines().findFirst().orElse("") + "); free some";
        }
        return new MemGuardException(code, what + ": " + reason, e);
    }
}
