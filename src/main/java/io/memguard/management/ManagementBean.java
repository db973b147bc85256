package io.memguard.management;

import io.memguard.MemGuardException;
import io.memguard.MemoryUsage;
import io.memguard.Status;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import javax.management.openmbean.CompositeData;
import javax.management.openmbean.CompositeDataSupport;
import javax.management.openmbean.CompositeType;
import javax.management.openmbean.OpenDataException;
import javax.management.openmbean.OpenType;
import javax.management.openmbean.SimpleType;
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
    public CompositeData getStats() {
        return composite("Stats", answer(() -> channel.getStats().toMap()));
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
    public CompositeData memoryUsage() {
        MemoryUsage usage = answer(channel::memoryUsage);
        var fields = new LinkedHashMap<String, Object>();
        fields.put("items", usage.items());
        fields.put("value_bytes", usage.valueBytes());
        fields.put("sealed_bytes", usage.sealedBytes());
        fields.put("windows_in_use", usage.windowsInUse());
        fields.put("locked_bytes", usage.lockedBytes());
        fields.put("unlocked_bytes", usage.unlockedBytes());
        fields.put("protection", usage.protection().name());
        return composite("MemoryUsage", fields);
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

    private static CompositeData composite(String name, Map<String, Object> fields) {
        String[] keys = fields.keySet().toArray(String[]::new);
        OpenType<?>[] types = fields.values().stream().map(ManagementBean::type).toArray(OpenType<?>[]::new);
        try {
            return new CompositeDataSupport(new CompositeType(name, name, keys, keys, types), fields);
        } catch (OpenDataException e) {
            throw new AssertionError(e); // The types are made from the values.
        }
    }

    private static OpenType<?> type(Object value) {
        return switch (value) {
            case Long number -> SimpleType.LONG;
            case Integer number -> SimpleType.INTEGER;
            case Boolean yes -> SimpleType.BOOLEAN;
            default -> SimpleType.STRING;
        };
    }
}
