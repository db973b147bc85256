package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.os.FileSystemNeeds;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;

/** Says what an I/O error means and what to do. File names in it are hashes. */
final class StoreErrors {
    private StoreErrors() {}

    static MemGuardException failed(ErrorCode code, String what, IOException e) {
        return new MemGuardException(code, what + ": " + reason(e), e);
    }

    private static String reason(IOException e) {
        if (e instanceof AccessDeniedException denied) {
            return "no permission for " + denied.getFile() + "; run as the owner of the store";
        }
        String reason = e instanceof FileSystemException file && file.getReason() != null
                ? file.getReason() + " (" + file.getFile() + ")"
                : String.valueOf(e.getMessage());
        if (reason.contains("No space left")) {
            return reason + "; free some space and try again";
        }
        return reason.replaceAll("\\R", " ") + FileSystemNeeds.hint(e);
    }
}
