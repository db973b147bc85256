package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.os.DurableFile;
import io.memguard.os.Posix;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** Makes and checks the directory of a store: a real directory, the owner's only. */
final class StoreDirectory {
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rwx------");

    private StoreDirectory() {}

    /** Makes both levels where they are missing, and makes them durable. */
    static void create(Path parent, Path folder) throws IOException {
        var mode = PosixFilePermissions.asFileAttribute(OWNER_ONLY);
        Files.createDirectories(parent, mode);
        requireSafeParent(parent);
        try {
            Files.createDirectory(folder, mode);
            DurableFile.giveToOwnerOf(parent, folder);
        } catch (FileAlreadyExistsException e) {
            requireSafe(parent, folder);
        }
        syncPathTo(folder);
    }

    /** Also where all was there: whoever made it may have been killed before it was durable. */
    private static void syncPathTo(Path folder) throws IOException {
        Path directory = folder;
        boolean mayBeNew = true;
        while (mayBeNew && directory.getParent() != null) {
            directory = directory.getParent();
            Posix.syncDirectory(directory);
            mayBeNew = (int) Files.getAttribute(directory, "unix:uid") == Posix.effectiveUser();
        }
    }

    /** Refuses a directory in which somebody else could plant or replace files. */
    static void requireSafe(Path parent, Path folder) throws IOException {
        requireSafeParent(parent);
        var attributes = Files.readAttributes(folder, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!attributes.isDirectory()) {
            throw unsafe(folder, "is not a directory (a link, or a file)", "move it away, or choose another --dir");
        }
        if (!attributes.permissions().equals(OWNER_ONLY)) {
            throw unsafe(folder, "is open to others", "chmod 700 " + folder);
        }
        int owner = (int) Files.getAttribute(folder, "unix:uid", LinkOption.NOFOLLOW_LINKS);
        int self = Posix.effectiveUser();
        if (owner != self && self != 0) {
            throw unsafe(folder, "belongs to somebody else (uid " + owner + ")", "run as its owner, or chown it");
        }
    }

    private static void requireSafeParent(Path parent) throws IOException {
        if (!Files.isDirectory(parent)) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, parent + " is not a directory; choose another one for the store");
        }
        int mode = (int) Files.getAttribute(parent, "unix:mode");
        boolean sticky = (mode & 01000) != 0;
        if ((mode & 0002) != 0 && !sticky) {
            throw unsafe(parent, "is writable for everybody", "chmod o-w " + parent);
        }
    }

    /** The names of the files that match; a directory that can't be listed throws. */
    static List<String> list(Path folder, Predicate<String> filter) throws IOException {
        var names = new ArrayList<String>();
        forEach(folder, name -> {
            if (filter.test(name)) {
                names.add(name);
            }
        });
        return names;
    }

    /** Goes through the names of all files, of which there may be millions. */
    static void forEach(Path folder, Consumer<String> use) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
            files.forEach(file -> use.accept(String.valueOf(file.getFileName())));
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
    }

    private static MemGuardException unsafe(Path path, String what, String mend) {
        return new MemGuardException(ErrorCode.SECURITY_ERROR, path + " " + what + "; " + mend);
    }
}
