package io.memguard.storage.directory;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.os.DurableFile;
import io.memguard.os.FileVersion;
import io.memguard.os.Posix;
import io.memguard.os.SmallFile;
import io.memguard.storage.EntryId;
import io.memguard.storage.Fingerprint;
import io.memguard.storage.Generations;
import io.memguard.storage.LockedStore;
import io.memguard.storage.Moment;
import io.memguard.storage.NewEntry;
import io.memguard.storage.OpenEntry;
import io.memguard.storage.PreparedWrite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** The files of entries, for work that holds their locks. */
record DirectoryEntries(StoreDirectory directory, StoreLayout layout, Generations generations, StoreTotals totals)
        implements LockedStore {
    private static final int MAX_NAME_FILE = 4096;

    @Override
    public Optional<OpenEntry> open(EntryId id) throws IOException {
        long generation = generations.get(id.stripe()); // First: it may throw, and nothing would close the file.
        return SmallFile.open(layout.file(id), StoreLayout.MAX_FILE).map(file -> new FileEntry(file, generation));
    }

    @Override
    public Optional<byte[]> name(EntryId id) throws IOException {
        return name(layout, id);
    }

    static Optional<byte[]> name(StoreLayout layout, EntryId id) throws IOException {
        try {
            return SmallFile.read(layout.file(id.name()), MAX_NAME_FILE).map(DirectoryEntries::decode);
        } catch (SmallFile.StrangeFileException e) {
            return Optional.empty();
        }
    }

    /** What is not Base64 becomes something that never verifies. */
    private static byte[] decode(byte[] file) {
        try {
            return Base64.getDecoder().decode(file);
        } catch (IllegalArgumentException e) {
            return new byte[0];
        }
    }

    @Override
    public boolean contains(EntryId id) throws IOException {
        return contains(layout, id);
    }

    static boolean contains(StoreLayout layout, EntryId id) throws IOException {
        try {
            // One look, not exists() and then notExists(): others store and delete in between.
            Files.readAttributes(layout.file(id), BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
            return true;
        } catch (NoSuchFileException e) {
            return false;
        } catch (IOException e) {
            throw new IOException("no access to " + layout.displayPath(), e);
        }
    }

    @Override
    public Optional<Moment> moment(EntryId id) throws IOException {
        long generation = generations.get(id.stripe());
        return FileVersion.of(layout.file(id)).map(file -> new Moment(generation, file, file.isSettled()));
    }

    @Override
    public Fingerprint fingerprint(EntryId id) throws IOException {
        try (var opened = SmallFile.open(layout.file(id), StoreLayout.MAX_FILE).orElse(null)) {
            if (opened == null) {
                return Fingerprint.ABSENT;
            }
            try (var sealed = Base64Ciphertext.read(opened)) {
                return Fingerprint.of(sealed.bytes());
            }
        } catch (SmallFile.StrangeFileException e) {
            return Fingerprint.DAMAGED;
        }
    }

    @Override
    public Fingerprint durableFingerprint(EntryId id) throws IOException {
        Fingerprint state = fingerprint(id);
        makeDurable();
        return state;
    }

    @Override
    public void makeDurable() throws IOException {
        Posix.syncDirectory(layout.workingPath());
    }

    @Override
    public PreparedWrite prepare(List<NewEntry> entries) throws IOException {
        return DirectoryWrite.prepare(layout, generations, totals, entries);
    }

    @Override
    public PreparedWrite prepareReencrypted(List<NewEntry> entries) throws IOException {
        return DirectoryRewrite.prepare(layout, totals, entries);
    }

    @Override
    public boolean delete(EntryId value) throws IOException {
        generations.raise(value.stripe());
        try (var counted = CountedChange.begin(layout, totals, List.of(value))) {
            boolean deleted = DurableFile.delete(layout.file(value));
            DurableFile.delete(layout.file(value.name()));
            counted.done();
            return deleted;
        }
    }

    @Override
    public long deleteAll() throws IOException {
        generations.raiseAll();
        totals.forget();
        long values = removeFiles(StoreLayout::isValue);
        makeDurable(); // No value may come back without its name,
        removeFiles(name -> StoreLayout.isEntry(name) || StoreLayout.isTemporary(name));
        makeDurable(); // and nothing without the metadata.
        return values;
    }

    /** Until there is nothing more of it: a listing may leave out what is beside a file that goes. */
    private long removeFiles(Predicate<String> filter) throws IOException {
        long removed = 0;
        for (long before = -1; removed > before; ) {
            before = removed;
            removed += removeListed(filter);
        }
        return removed;
    }

    private long removeListed(Predicate<String> filter) throws IOException {
        var left = new ArrayList<String>(1);
        long[] counts = new long[2];
        directory.forEach(file -> {
            if (filter.test(file)) {
                try {
                    counts[0] += Files.deleteIfExists(layout.workingPath().resolve(file)) ? 1 : 0;
                } catch (IOException e) {
                    counts[1]++;
                    if (left.isEmpty()) {
                        left.add(file);
                    }
                }
            }
        });
        if (!left.isEmpty()) {
            throw new MemGuardException(
                    ErrorCode.CLEANUP_FAILED,
                    counts[1] + " files in " + layout.displayPath() + " could not be removed (the first: "
                            + left.getFirst() + "); fix their permissions and run cleanup again");
        }
        return counts[0];
    }
}
