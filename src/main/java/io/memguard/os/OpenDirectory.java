package io.memguard.os;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A directory that is held open: {@link #path()} leads into it whatever becomes of its name, as {@code openat(2)} and
 * similar calls do. So what was checked is what is used, although another process may replace the name by a link.
 */
public final class OpenDirectory implements AutoCloseable {
    /** The kernel's own way to an open file; see proc_pid_fd(5). A process may always use its own. */
    private static final String DESCRIPTORS = "/proc/self/fd/";

    private static final Pattern HELD = Pattern.compile(DESCRIPTORS + "\\d+");

    private final int descriptor;
    private final Path name;

    private OpenDirectory(int descriptor, Path name) throws IOException {
        this.descriptor = descriptor;
        this.name = name;
        if (!Files.isDirectory(path())) {
            close();
            throw new IOException("/proc is needed, and not mounted here");
        }
    }

    /** Opens a directory itself, not what a link in its place leads to; links before the last name are followed. */
    public static OpenDirectory open(Path directory) throws IOException {
        return new OpenDirectory(Posix.openDirectory(directory), directory);
    }

    /** Opens what a name leads to now. */
    public static OpenDirectory follow(Path directory) throws IOException {
        return new OpenDirectory(Posix.openDirectoryByLink(directory), directory);
    }

    /** For work in it, until it is closed. */
    public Path path() {
        return path(descriptor);
    }

    /** Leads to an open file, whatever becomes of its name. */
    public static Path path(int descriptor) {
        return Path.of(DESCRIPTORS + descriptor);
    }

    /** What it is now. */
    public Posix.FileStatus status() throws IOException {
        return Posix.status(descriptor, name);
    }

    /** The mount that it is in. */
    public Optional<Mount> mount() throws IOException {
        return Mount.of(descriptor);
    }

    /** Whether a name leads to it still, by links or not. */
    public boolean isStill(Path name) throws IOException {
        return Posix.isStillBehind(name, descriptor);
    }

    /** Gives it to another user, where it is root's and empty; see {@link DurableFile#giveToOwnerOf}. */
    public void giveToOwnerOf(OpenDirectory parent) throws IOException {
        try (var files = Files.newDirectoryStream(path())) {
            if (!files.iterator().hasNext()) {
                DurableFile.giveToOwnerOf(parent.path(), descriptor, name);
            }
        }
    }

    /** A message for users, who know a directory by its name. */
    public static String named(String message) {
        return HELD.matcher(message).replaceAll(held -> Matcher.quoteReplacement(name(held.group())));
    }

    private static String name(String held) {
        try {
            return Files.readSymbolicLink(Path.of(held)).toString();
        } catch (IOException e) {
            return "\u2026"; // It was closed before the error was told; what follows says which file it is.
        }
    }

    @Override
    public void close() {
        Posix.closeQuietly(descriptor);
    }
}
