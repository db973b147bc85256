package io.memguard.jca;

import java.security.Provider;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One service of {@link MemGuardProvider}.
 *
 * @param type such as Mac
 * @param algorithm the name that JCA looks for
 * @param engine makes an {@code …Spi}
 * @param keys the class of the keys that it takes; null for engines without keys
 * @param aliases other names for it
 */
record ServiceRow(
        String type,
        String algorithm,
        Supplier<?> engine,
        @Nullable Class<?> keys,
        List<String> aliases) {

    /** What a provider puts. */
    Provider.Service of(Provider provider) {
        Map<String, String> attributes = keys == null ? Map.of() : Map.of("SupportedKeyClasses", keys.getName());
        return new Service(provider, attributes);
    }

    private final class Service extends Provider.Service {
        Service(Provider provider, Map<String, String> attributes) {
            super(provider, type, algorithm, ServiceRow.class.getName(), aliases, attributes);
        }

        @Override
        public Object newInstance(@Nullable Object parameter) {
            return engine.get();
        }

        @Override
        public boolean supportsParameter(@Nullable Object parameter) {
            return keys == null || parameter == null || keys.isInstance(parameter);
        }
    }
}
