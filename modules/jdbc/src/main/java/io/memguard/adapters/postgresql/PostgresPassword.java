package io.memguard.adapters.postgresql;

import io.memguard.Secret;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A database password out of a store, for the PostgreSQL driver (42.3 or later), without a String.
 *
 * <pre>{@code
 * try (var password = PostgresPassword.of(guard.secret("db/password").orElseThrow())) {
 *     Properties properties = password.properties();
 *     properties.setProperty("user", "app");
 *     Connection connection = DriverManager.getConnection("jdbc:postgresql://host/db", properties);
 * }
 * // With HikariCP: password.properties().forEach((name, value) -> config.addDataSourceProperty(name.toString(), value));
 * }</pre>
 *
 * <p>The driver makes {@link PostgresPlugin} by its name and has it read the secret when the server asks for a password; one
 * that was replaced in the store serves the next connection.
 *
 * <p><b>On the heap</b>: the driver takes a {@code char[]}, which it wipes as soon as it has answered the server. With SCRAM,
 * {@code javax.crypto} has copies of its own while it works, one of which it wipes only after the collector has found its key
 * unused; others are garbage, to be seen until the collector has overwritten them. Nothing lives on with the connection.
 *
 * <p>Keep it open for as long as connections are made with it, and close it after the pool: it is in a static table, which
 * would keep an application's classes in a container. The driver has to see this library's classes (the same class loader,
 * or one below). Thread-safe.
 */
public final class PostgresPassword implements AutoCloseable {
    static final String PROPERTY = "memguardSecret";

    private static final Map<String, Secret> OPEN = new ConcurrentHashMap<>();

    // Properties are text. It tells nothing and can't be guessed, so that no other property names this secret by
    // accident.
    private final String id = UUID.randomUUID().toString();

    private PostgresPassword() {}

    /** Lets connections use this secret, which is text in UTF-8. */
    public static PostgresPassword of(Secret secret) {
        var password = new PostgresPassword();
        OPEN.put(password.id, Objects.requireNonNull(secret));
        return password;
    }

    /** New properties for the driver, to which the user's name and others may be added; no password among them. */
    public Properties properties() {
        var properties = new Properties();
        properties.setProperty("authenticationPluginClassName", PostgresPlugin.class.getName());
        properties.setProperty(PROPERTY, id);
        return properties;
    }

    /** From now on new connections fail; those that are open go on. Idempotent. */
    @Override
    public void close() {
        OPEN.remove(id);
    }

    /** Shows nothing. */
    @Override
    public String toString() {
        return "PostgresPassword";
    }

    static Optional<Secret> find(Properties properties) {
        return Optional.ofNullable(OPEN.get(properties.getProperty(PROPERTY, "")));
    }
}
