package io.memguard.management;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The channel over JMX, registered by {@link ManagementRegistration}. Answers are the words of the status contract as
 * text: {@code "true"}, {@code "false"}, null (not found), {@code "rust_not_ready"}.
 *
 * <p>Errors arrive as {@link IllegalStateException} with {@code CODE: message}, so that a client needs no class of this
 * library.
 */
public interface MemGuardMXBean {
    /** {@code "true"}: in the cache now; null: not found; {@code "rust_not_ready"}. */
    @Nullable
    String retrieve(String name);

    /** {@code "true"} or {@code "false"}. */
    String contains(String name);

    /** {@code "true"} or {@code "false"}. */
    String delete(String name);

    /** The eight figures of the store, under their eight keys, as text; each is an attribute by itself, too. */
    Map<String, String> getStats();

    /** {@code hardware_backed_keystore} or {@code software_keystore}. */
    String getStorageType();

    /** {@code aes_256_gcm}. */
    String getEncryptionType();

    /** {@code 256_bit}. */
    String getKeyStrength();

    /** Whether the native cache is ready. */
    boolean isRustInitialized();

    /** How many values are stored. */
    long getItemsCount();

    /** How long their files are together, in bytes. */
    long getTotalSizeBytes();

    /** The folder of the files. */
    String getDirectoryPath();

    /** When this was counted, in milliseconds since 1970. */
    long getTimestamp();

    /** {@code "true"}: the store is removed. */
    String cleanupAll();

    /** {@code "true"}: nothing is in memory. */
    String cleanupMemory();

    /** What is in memory: items, value_bytes, sealed_bytes, windows_in_use, locked_bytes, unlocked_bytes, protection. */
    Map<String, String> memoryUsage();

    /** How many values are in memory. */
    long getMemoryItems();

    /** How long they are together, in bytes. */
    long getMemoryValueBytes();

    /** How much memory they take sealed, in bytes. */
    long getMemorySealedBytes();

    /** How many values are open at present. */
    long getWindowsInUse();

    /** Locked memory, in bytes. */
    long getLockedBytes();

    /** Memory of secrets that could not be locked, in bytes; 0 unless BEST_EFFORT was chosen. */
    long getUnlockedBytes();

    /** How the process key and values in use are kept: a name of {@link io.memguard.MemoryUsage.Protection}. */
    String getProtection();

    /** Whether the process forbids core dumps and debuggers; see MemGuard.hardenProcess. */
    boolean isHardened();
}
