package io.memguard.os;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;

/** Says in one line what an I/O error means, and what to do. */
public final class FileErrors {
    private FileErrors() {}

    public static String reason(IOException e) {
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
