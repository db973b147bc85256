package io.memguard.storage.directory;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.memory.StackRoom;
import io.memguard.os.Mount;
import io.memguard.os.OpenDirectory;
import io.memguard.os.Posix;
import io.memguard.os.SharedLock;
import io.memguard.os.UserNamespace;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * The directory of a store, held open: a real directory, its owner's only, that no other user can replace. It is
 * checked after it is opened, and all work goes on in what was checked: a race for its name, or for one above it, has no
 * effect.
 */
final class StoreDirectory implements AutoCloseable {
    private static final long LONGEST_WAIT = TimeUnit.SECONDS.toNanos(5);
    private static final int GROUP = 0070;
    private static final int OTHERS = 0007;
    private static final int OTHERS_WRITE = 0022;
    private static final String CURRENT = "..data";
    private static final FileAttribute<Set<PosixFilePermission>> MODE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    private final OpenDirectory folder;
    private final StoreLayout layout;
    private final SharedLock use = new SharedLock(Duration.ofSeconds(2));
    private volatile boolean closed;
    private boolean folderIsClosed;
    private final DirectoryAccess access;
    private final boolean shared;

    private StoreDirectory(OpenDirectory folder, Path name, DirectoryAccess access, boolean shared) {
        this.folder = folder;
        this.layout = new StoreLayout(folder.path(), name);
        this.access = access;
        this.shared = shared;
    }

    /**
     * Opens it; nothing where there is none.
     *
     * @throws MemGuardException SECURITY_ERROR where another user could plant or replace files
     */
    static Optional<StoreDirectory> open(Path parent, DirectoryAccess access) throws IOException {
        if (!Files.isDirectory(parent)) {
            return Optional.empty();
        }
        requireSafePath(parent);
        try (var outer = openParent(parent)) {
            requireSafeParent(parent, outer, access);
            return Optional.of(open(parent, outer, access));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    /** Makes both levels where they are missing, and makes them durable. */
    static StoreDirectory create(Path parent, DirectoryAccess access) throws IOException {
        Files.createDirectories(parent, MODE);
        if (!Files.isDirectory(parent)) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, parent + " is not a directory; choose another one for the store");
        }
        requireSafePath(parent);
        try (var outer = openParent(parent)) {
            requireSafeParent(parent, outer, access);
            requireOneHost(parent, outer, access);
            try {
                Files.createDirectory(outer.path().resolve(StoreLayout.FOLDER), MODE);
            } catch (FileAlreadyExistsException e) {
                // Looked at below, as the new one is.
            }
            var directory = open(parent, outer, access);
            try {
                directory.folder.giveToOwnerOf(outer);
                syncPathTo(directory.layout.displayPath());
                return directory;
            } catch (Throwable failure) {
                directory.close();
                throw failure;
            }
        }
    }

    /** Also where all was there: the process that made it may have been killed before it was durable. */
    private static void syncPathTo(Path folder) throws IOException {
        Path directory = folder;
        boolean mayBeNew = true;
        while (mayBeNew && directory.getParent() != null) {
            directory = directory.getParent();
            Posix.syncDirectory(directory);
            mayBeNew = (int) Files.getAttribute(directory, "unix:uid") == Posix.effectiveUser();
        }
    }

    private static StoreDirectory open(Path parent, OpenDirectory outer, DirectoryAccess access) throws IOException {
        Path name = parent.resolve(StoreLayout.FOLDER);
        Path path = outer.path().resolve(StoreLayout.FOLDER);
        if (!access.readOnly()) {
            requireSafe(name, Posix.status(path), outer.status(), access); // Says why, where it can't even be opened.
        }
        var folder = access.readOnly() ? openForReading(path) : OpenDirectory.open(path);
        try {
            if (!isReadOnlyMount(folder, access)) {
                requireSafe(name, folder.status(), outer.status(), access);
            }
            Path held = folder.isStill(name) ? name : name.resolve(CURRENT);
            return new StoreDirectory(folder, held, access, requireOneHost(name, folder, access));
        } catch (Throwable failure) {
            folder.close();
            throw failure;
        }
    }

    /** Kubernetes puts what a ConfigMap or Secret holds into a directory behind a link, which it replaces for a change. */
    private static OpenDirectory openForReading(Path path) throws IOException {
        Path current = path.resolve(CURRENT);
        return Files.isSymbolicLink(current) ? OpenDirectory.follow(current) : OpenDirectory.open(path);
    }

    /** No process can write there, whatever the permissions say; not by this mount, that is. */
    private static boolean isReadOnlyMount(OpenDirectory folder, DirectoryAccess access) throws IOException {
        return access.readOnly() && folder.mount().filter(Mount::readOnly).isPresent();
    }

    /** Whether it is on a file system that other hosts or mounts share, where that was chosen; else that is refused. */
    private static boolean requireOneHost(Path name, OpenDirectory folder, DirectoryAccess access) throws IOException {
        Optional<Mount> mount = folder.mount();
        if (!access.readOnly() && mount.filter(Mount::isWithoutOwners).isPresent()) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    name + " is on a file system of the type " + mount.get().type()
                            + ", which keeps neither owners nor permissions nor hard links; put the store on ext4, XFS, Btrfs"
                            + " or tmpfs, or open a copy of it for reading only");
        }
        Optional<Mount> shared = mount.filter(Mount::isShared);
        if (shared.isPresent() && !access.readOnly() && !access.sharedFileSystem()) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    name + " is on a file system of the type " + shared.get().type()
                            + ", where a process does not see at once what another host or mount writes; a store serves one"
                            + " host on a local file system: move it, open it for reading only, or allow it with"
                            + " allowSharedFileSystem() or --allow-shared-file-system, which looks at the file at each read");
        }
        return shared.isPresent();
    }

    private static void requireSafe(
            Path name, Posix.FileStatus folder, Posix.FileStatus parent, DirectoryAccess access) {
        int self = Posix.effectiveUser();
        if (!folder.isDirectory()) {
            throw unsafe(name, "is not a directory (a link, or a file)", "move it away, or choose another --dir");
        }
        int refused = access.readOnly() ? OTHERS_WRITE : access.group() ? OTHERS : OTHERS | GROUP;
        if ((folder.permissions() & refused) != 0) {
            throw unsafe(
                    name,
                    (folder.permissions() & OTHERS) != 0 ? "is open to others" : "is open to its group",
                    "chmod 700 " + name
                            + ((folder.permissions() & refused & ~GROUP) == 0
                                    ? ", or allow its group with allowGroupAccess() or --allow-group"
                                    : ""));
        }
        if (folder.user() != self && self != 0 && !(access.readOnly() && folder.user() == 0)) {
            throw unsafe(name, "belongs to another user (uid " + folder.user() + ")", "run as its owner, or chown it");
        }
        // Root works for the owner of the place.
        if (parent.user() != 0 && parent.user() != self && self != 0) {
            throw unsafe(
                    name.resolveSibling(""),
                    "belongs to a user (uid " + parent.user() + ") who could replace the store of another",
                    "give both to one owner");
        }
    }

    /**
     * Refuses a path that another user could lead elsewhere, to some other directory of ours. Who may write by a group is
     * trusted here: containers get their volumes that way. Root goes where it is sent, and works in what it has opened.
     */
    private static void requireSafePath(Path parent) throws IOException {
        int self = Posix.effectiveUser();
        if (self != 0) {
            for (Path path : List.of(parent, parent.toRealPath())) {
                for (Path above = path.getParent(); above != null; above = above.getParent()) {
                    var status = Posix.status(above);
                    if (status.user() != 0 && status.user() != self) {
                        if (UserNamespace.hides(status.user())) {
                            throw unsafe(above, UserNamespace.hidden(), UserNamespace.REMEDY);
                        }
                        throw unsafe(
                                above,
                                "belongs to another user (uid " + status.user()
                                        + "), who could replace the store below it",
                                "choose another --dir");
                    }
                    if (status.isOpenToAll()) {
                        throw unsafe(
                                above,
                                "can be written by all users, who could replace the store below it",
                                "chmod o-w " + above + " (or +t), or choose another --dir");
                    }
                }
            }
        }
    }

    /** Where it is a link, then one that no other user made: they could lead us to another directory of ours. */
    private static OpenDirectory openParent(Path parent) throws IOException {
        int self = Posix.effectiveUser();
        if (self == 0) {
            return OpenDirectory.follow(parent); // Root goes where it is sent.
        }
        if (!Files.isSymbolicLink(parent)) {
            return OpenDirectory.open(parent);
        }
        var outer = OpenDirectory.follow(parent);
        try {
            var link = Posix.status(parent);
            if (!link.isLink() || (link.user() != 0 && link.user() != self)) {
                throw unsafe(parent, "is a link that another user made", "choose another --dir");
            }
            return outer;
        } catch (Throwable failure) {
            outer.close();
            throw failure;
        }
    }

    private static void requireSafeParent(Path name, OpenDirectory outer, DirectoryAccess access) throws IOException {
        var parent = outer.status();
        boolean open = access.group() ? parent.isOpenToAll() : parent.isOpenToOthers();
        if (open && !isReadOnlyMount(outer, access)) {
            throw unsafe(
                    name,
                    parent.isOpenToAll()
                            ? "can be written by others, who could replace the store"
                            : "can be written by its group, which could replace the store",
                    "chmod go-w " + name + ", or choose a new directory below it"
                            + (parent.isOpenToAll()
                                    ? ""
                                    : "; a volume with fsGroup: allowGroupAccess() or --allow-group"));
        }
    }

    /** Whether the name leads elsewhere by now. */
    void requireStill() throws IOException {
        if (!folder.isStill(layout.displayPath())) {
            throw new IOException(layout.displayPath() + " was moved or replaced; close the store and open it again");
        }
    }

    DirectoryAccess access() {
        return access;
    }

    /** Whether processes may change it that share no page cache with this one. */
    boolean isShared() {
        return shared;
    }

    StoreLayout layout() {
        return layout;
    }

    /** Runs while the directory is open, for work that holds no lock of the store. */
    <T extends @org.jspecify.annotations.Nullable Object> T use(StoreLocks.Task<T> task) throws IOException {
        StackRoom.require();
        var reader = new SharedLock.Use();
        use.share(reader);
        try {
            if (closed) {
                throw new IllegalStateException("this MemGuard is closed");
            }
            return task.run();
        } finally {
            use.giveBack(reader);
            if (closed) {
                closeFolder(0);
            }
        }
    }

    /** The names of the files that match; a directory that can't be listed throws. */
    List<String> list(Predicate<String> filter) throws IOException {
        var names = new ArrayList<String>();
        forEach(name -> {
            if (filter.test(name)) {
                names.add(name);
            }
        });
        return names;
    }

    /** Goes through the names of all files, of which there may be millions. */
    void forEach(Consumer<String> action) throws IOException {
        use(() -> {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(layout.workingPath())) {
                files.forEach(file -> action.accept(String.valueOf(file.getFileName())));
                return true;
            } catch (DirectoryIteratorException e) {
                throw e.getCause();
            }
        });
    }

    private static MemGuardException unsafe(Path path, String what, String remedy) {
        return new MemGuardException(ErrorCode.SECURITY_ERROR, path + " " + what + "; " + remedy);
    }

    /**
     * Waits a few seconds for its users: its number may be another file's afterwards. Where one goes on for longer, that one
     * closes it. Idempotent.
     */
    @Override
    public void close() {
        closed = true;
        closeFolder(LONGEST_WAIT);
    }

    private void closeFolder(long patience) {
        var last = new SharedLock.Use();
        if (use.takeAlone(last, patience)) {
            try {
                if (!folderIsClosed) {
                    folderIsClosed = true;
                    folder.close();
                }
            } finally {
                use.giveBack(last);
            }
        }
    }
}
