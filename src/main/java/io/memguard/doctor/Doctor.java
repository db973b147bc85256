package io.memguard.doctor;

import io.memguard.MemoryPolicy;
import io.memguard.Progress;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.RollbackRecords;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Looks at what protects the secrets of this process: {@code memguard doctor} prints it, and a service may log it at its
 * start, since limits are the process's own. Thread-safe.
 */
public final class Doctor {
    private Doctor() {}

    /**
     * The machine and this process. Changes nothing in either.
     *
     * @param policy what the process chose, or will choose, for memory that can't be locked
     */
    public static List<Finding> process(MemoryPolicy policy) {
        var machine = new Machine(Path.of("/"));
        var findings = new ArrayList<>(PlatformChecks.all());
        findings.addAll(MemoryChecks.all(machine, policy));
        findings.addAll(DiskChecks.all(machine));
        findings.addAll(AccessChecks.all(machine));
        return List.copyOf(findings);
    }

    /**
     * A store and its key.
     *
     * @param directory of the store
     * @param provider has its key; closed when this returns
     * @param verify opens every file and is told how far that is; empty where none is to be opened
     */
    public static List<Finding> store(Path directory, KeyProvider provider, Optional<Progress> verify) {
        return store(directory, provider, Optional.empty(), verify);
    }

    /**
     * The same of a store that detects rollbacks.
     *
     * @param records of the store's files; closed when this returns
     */
    public static List<Finding> store(
            Path directory, KeyProvider provider, Optional<RollbackRecords> records, Optional<Progress> verify) {
        try (provider) {
            return StoreChecks.all(directory, provider, records, verify);
        } finally {
            records.ifPresent(RollbackRecords::close);
        }
    }
}
