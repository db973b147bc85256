package io.memguard.os;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/** What a store needs of its file system, said where one answers that it has not got it. */
public final class FileSystemNeeds {
    private FileSystemNeeds() {}

    /** To be put behind the reason of an error: what to do where a call is not known or forbidden there; else empty. */
    public static String hint(IOException failure) {
        String reason = String.valueOf(failure.getMessage());
        boolean refused = Stream.of(
                        "Operation not permitted",
                        "Operation not supported",
                        "Function not implemented",
                        "Invalid argument",
                        "Inappropriate ioctl")
                .anyMatch(reason::contains);
        return refused
                ? "; either the file system" + type(failure)
                        + " lacks what a store needs (owners, permissions, hard links, locks): put the store on ext4, XFS,"
                        + " Btrfs or tmpfs; or a filter of system calls (seccomp) forbids it: allow it there"
                : "";
    }

    private static String type(IOException failure) {
        return failure instanceof FileSystemException file && file.getFile() != null
                ? Optional.ofNullable(Path.of(file.getFile()).getParent())
                        .flatMap(Mount::of)
                        .map(mount -> " of the type " + mount.type())
                        .orElse("")
                : "";
    }
}
