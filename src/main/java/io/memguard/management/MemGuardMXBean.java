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

    /** The eight figures of the store, under their eight keys, as text. */
    Map<String, String> getStats();

    /** {@code "true"}: the store is removed. */
    String cleanupAll();

    /** {@code "true"}: nothing is in memory. */
    String cleanupMemory();

    /** What is in memory: items, value_bytes, sealed_bytes, windows_in_use, locked_bytes, unlocked_bytes, protection. */
    Map<String, String> memoryUsage();
}
