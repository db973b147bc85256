package io.memguard.management;

import io.memguard.MemGuardException;
import io.memguard.MemoryUsage;
import io.memguard.Stats;
import io.memguard.Status;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Turns the channel's answers into types that every JMX client knows. */
record ManagementBean(MemGuardChannel channel) implements MemGuardMXBean {
    @Override
    public @Nullable String retrieve(String name) {
        return answer(() -> channel.retrieve(name)).text();
    }

    @Override
    public String contains(String name) {
        return word(() -> channel.contains(name));
    }

    @Override
    public String delete(String name) {
        return word(() -> channel.delete(name));
    }

    @Override
    public Map<String, String> getStats() {
        return text(stats().toMap());
    }

    @Override
    public String cleanupAll() {
        return word(channel::cleanupAll);
    }

    @Override
    public String cleanupMemory() {
        return word(channel::cleanupMemory);
    }

    @Override
    public Map<String, String> memoryUsage() {
        MemoryUsage usage = memory();
        var fields = new LinkedHashMap<String, Object>();
        fields.put("items", usage.items());
        fields.put("value_bytes", usage.valueBytes());
        fields.put("sealed_bytes", usage.sealedBytes());
        fields.put("windows_in_use", usage.windowsInUse());
        fields.put("locked_bytes", usage.lockedBytes());
        fields.put("unlocked_bytes", usage.unlockedBytes());
        fields.put("protection", usage.protection().name());
        fields.put("hardened", usage.hardened());
        return text(fields);
    }

    private Stats stats() {
        return answer(channel::getStats);
    }

    private MemoryUsage memory() {
        return answer(channel::memoryUsage);
    }

    @Override
    public String getStorageType() {
        return stats().storageType();
    }

    @Override
    public String getEncryptionType() {
        return stats().encryptionType();
    }

    @Override
    public String getKeyStrength() {
        return String.valueOf(stats().toMap().get("key_strength"));
    }

    @Override
    public boolean isRustInitialized() {
        return stats().rustInitialized();
    }

    @Override
    public long getItemsCount() {
        return stats().itemsCount();
    }

    @Override
    public long getTotalSizeBytes() {
        return stats().totalSizeBytes();
    }

    @Override
    public String getDirectoryPath() {
        return stats().directoryPath().toString();
    }

    @Override
    public long getTimestamp() {
        return stats().timestamp().toEpochMilli();
    }

    @Override
    public long getMemoryItems() {
        return memory().items();
    }

    @Override
    public long getMemoryValueBytes() {
        return memory().valueBytes();
    }

    @Override
    public long getMemorySealedBytes() {
        return memory().sealedBytes();
    }

    @Override
    public long getWindowsInUse() {
        return memory().windowsInUse();
    }

    @Override
    public long getLockedBytes() {
        return memory().lockedBytes();
    }

    @Override
    public long getUnlockedBytes() {
        return memory().unlockedBytes();
    }

    @Override
    public String getProtection() {
        return memory().protection().name();
    }

    @Override
    public boolean isHardened() {
        return memory().hardened();
    }

    private static String word(Supplier<Status> call) {
        return String.valueOf(answer(call).text());
    }

    private static <T> T answer(Supplier<T> call) {
        try {
            return call.get();
        } catch (MemGuardException e) {
            throw new IllegalStateException(e.code() + ": " + e.getMessage());
        }
    }

    private static Map<String, String> text(Map<String, Object> fields) {
        var text = new LinkedHashMap<String, String>();
        fields.forEach((key, value) -> text.put(key, value.toString()));
        return text;
    }
}
