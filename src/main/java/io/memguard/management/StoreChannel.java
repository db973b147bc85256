package io.memguard.management;

import io.memguard.MemGuard;
import io.memguard.MemoryUsage;
import io.memguard.Stats;
import io.memguard.Status;

/** The channel over one open store. */
record StoreChannel(MemGuard guard) implements MemGuardChannel {
    @Override
    public Status retrieve(String name) {
        return guard.retrieve(name);
    }

    @Override
    public Status contains(String name) {
        return guard.contains(name) ? Status.DONE : Status.NO;
    }

    @Override
    public Status delete(String name) {
        return guard.delete(name) ? Status.DONE : Status.NO;
    }

    @Override
    public Stats getStats() {
        return guard.stats();
    }

    @Override
    public Status cleanupAll() {
        guard.cleanupAll();
        return Status.DONE;
    }

    @Override
    public Status cleanupMemory() {
        guard.cleanupMemory();
        return Status.DONE;
    }

    @Override
    public MemoryUsage memoryUsage() {
        return guard.memoryUsage();
    }
}
