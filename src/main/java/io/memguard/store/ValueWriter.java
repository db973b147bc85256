package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.os.DurableFile;
import io.memguard.os.DurableGroup;
import io.memguard.os.FileVersion;
import io.memguard.store.keyring.Fingerprint;
import io.memguard.store.keyring.Keyring;
import io.memguard.store.rollback.RollbackGuard;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** Puts the files of values in place, one or many at once: names first, then values, each old or new at any moment. */
final class ValueWriter {
    private final StoreLayout layout;
    private final StoreLocks locks;
    private final Generations generations;
    private final StoreTotals totals;
    private final NameFiles names;

    ValueWriter(StoreLayout layout, StoreLocks locks, Generations generations, StoreTotals totals) {
        this.names = new NameFiles(layout);
        this.layout = layout;
        this.locks = locks;
        this.generations = generations;
        this.totals = totals;
    }

    /** A last look under the locks. */
    @FunctionalInterface
    interface Check {
        void run() throws IOException;
    }

    /**
     * Writes values of different names, all under their locks.
     *
     * @param before runs under the locks, and may refuse by an exception
     * @throws IOException where nothing was changed, or where it is not known what is durable
     */
    SecretStore.Written write(Keyring keys, RollbackGuard guard, List<SecretStore.NewValue> values, Check before)
            throws IOException {
        int[] stripes = values.stream()
                .mapToInt(value -> value.name().stripe())
                .sorted()
                .distinct()
                .toArray();
        return locks.locked(stripes, () -> {
            before.run();
            return counted(
                    stripes,
                    values.stream().map(SecretStore.NewValue::name).toList(),
                    () -> replace(keys, guard, values));
        });
    }

    /**
     * Deletes a value, then its name; false where there was none.
     *
     * @param before as by {@link #write}
     */
    boolean delete(SecretName name, RollbackGuard guard, Check before) throws IOException {
        return locks.locked(name.stripe(), () -> {
            before.run();
            guard.expect(name.hash(), Fingerprint.ABSENT, () -> state(name));
            generations.raise(name.stripe());
            boolean found = counted(new int[] {name.stripe()}, List.of(name), () -> {
                boolean deleted = DurableFile.delete(layout.valueFile(name.hex()));
                DurableFile.delete(layout.nameFile(name.hex()));
                return deleted;
            });
            guard.settle(name.hash(), Fingerprint.ABSENT);
            return found;
        });
    }

    private Fingerprint state(SecretName name) throws IOException {
        return layout.durableFingerprint(layout.valueFile(name.hex()));
    }

    /** Counts what a change of these values does to the totals, also where it fails. */
    private <T> T counted(int[] stripes, List<SecretName> names, StoreLocks.Task<T> change) throws IOException {
        for (int stripe : stripes) {
            totals.begin(stripe);
        }
        long[] before = lengths(names);
        try {
            return change.run();
        } catch (Throwable failure) {
            totals.setClear(false); // It may have been impossible to delete a temporary file.
            throw failure;
        } finally {
            long[] after = lengths(names);
            for (int i = 0; i < after.length; i++) {
                totals.add(names.get(i).stripe(), Long.signum(after[i]) - Long.signum(before[i]), after[i] - before[i]);
            }
            IntStream.of(stripes).forEach(totals::end);
        }
    }

    /** Of their files; 0 where there is none, as no file is empty. */
    private long[] lengths(List<SecretName> names) {
        return names.stream()
                .mapToLong(name -> layout.valueFile(name.hex()).toFile().length())
                .toArray();
    }

    private SecretStore.Written replace(Keyring keys, RollbackGuard guard, List<SecretStore.NewValue> values)
            throws IOException {
        List<DurableGroup.NewFile> files = names(keys, values);
        int names = files.size();
        for (var value : values) {
            String prefix = StoreLayout.temporaryPrefix(value.name().stripe());
            files.add(DurableGroup.NewFile.of(layout.valueFile(value.name().hex()), prefix, value.file()));
        }
        try (var group = DurableGroup.prepare(layout.workingPath(), files)) {
            for (var value : values) {
                guard.expect(value.name().hash(), value.state(), () -> state(value.name()));
            }
            boolean named = false;
            for (int i = 0; i < names; i++) {
                named |= group.publish(i);
            }
            if (named) {
                group.sync(); // A value is never without its name.
            }
            return publish(group, names, guard, values);
        }
    }

    /** The files of those names that may be missing or damaged; of many values each is checked by the group's threads. */
    private List<DurableGroup.NewFile> names(Keyring keys, List<SecretStore.NewValue> values) throws IOException {
        var files = new ArrayList<DurableGroup.NewFile>();
        for (var value : values) {
            SecretName name = value.name();
            if (values.size() > 1 || !names.isReadable(keys, name.hex())) {
                files.add(new DurableGroup.NewFile(
                        layout.nameFile(name.hex()), StoreLayout.temporaryPrefix(name.stripe()), slot -> {
                            if (!names.isReadable(keys, name.hex())) {
                                slot.put(names.seal(keys, name));
                            }
                        }));
            }
        }
        return files;
    }

    private SecretStore.Written publish(
            DurableGroup group, int first, RollbackGuard guard, List<SecretStore.NewValue> values) throws IOException {
        int published = 0;
        Optional<IOException> failure = Optional.empty();
        try {
            for (var value : values) {
                generations.raise(value.name().stripe());
                group.publish(first + published);
                published++;
            }
        } catch (IOException e) {
            failure = Optional.of(e);
        }
        try {
            group.sync();
        } catch (IOException e) {
            throw StoreErrors.failed(
                    ErrorCode.STORE_FAILED,
                    "the value is in place, but may be the one before again after a power cut; store it again",
                    e);
        }
        settle(guard, values.subList(0, published));
        return new SecretStore.Written(moments(values.subList(0, published)), failure);
    }

    /** Read after the last raise: two of the names may share a stripe. */
    private List<Moment> moments(List<SecretStore.NewValue> durable) throws IOException {
        var moments = new ArrayList<Moment>();
        for (var value : durable) {
            FileVersion file =
                    FileVersion.of(layout.valueFile(value.name().hex())).orElse(FileVersion.NONE);
            moments.add(Moment.of(generations.get(value.name().stripe()), file));
        }
        return moments;
    }

    /** Only now the values before can't be put back any more. */
    private static void settle(RollbackGuard guard, List<SecretStore.NewValue> durable) {
        try {
            for (var value : durable) {
                guard.settle(value.name().hash(), value.state());
            }
        } catch (IOException e) {
            throw StoreErrors.failed(
                    ErrorCode.STORE_FAILED,
                    "the value is stored, but its record in the token still allows the one before; store it again",
                    e);
        }
    }
}
