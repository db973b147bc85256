package io.memguard.adapters.hikari;

import com.zaxxer.hikari.HikariCredentialsProvider;
import com.zaxxer.hikari.util.Credentials;
import io.memguard.Secret;
import io.memguard.adapters.Text;
import java.util.Objects;

/**
 * A database password out of a store, for HikariCP 7.0 or later (earlier ones have no {@link HikariCredentialsProvider}).
 *
 * <pre>{@code
 * HikariConfig config = new HikariConfig();
 * config.setDataSource(source);                  // PGSimpleDataSource and the like, without a password
 * config.setCredentialsProvider(new SecretCredentials("app", guard.secret("db/password").orElseThrow()));
 * }</pre>
 *
 * <p>The password is read whenever the pool makes a connection, so one that was replaced in the store serves the next
 * connection without a restart.
 *
 * <p><b>On the heap</b>: {@link Credentials} takes a {@code String}. One is made for each new connection; neither this class
 * nor the pool keeps it <em>if the pool is on a {@code DataSource}</em> ({@code setDataSource} or
 * {@code setDataSourceClassName}). With {@code setJdbcUrl}, HikariCP 7.0 and 7.1 keep the first password in their
 * {@code DriverDataSource} for as long as the pool. The String can be seen until the collector has overwritten it, and as
 * long as the driver keeps it: PostgreSQL's until the connection is made. For PostgreSQL,
 * {@code io.memguard.adapters.postgresql} does without a String.
 *
 * <p>Thread-safe. The secret has to be text in UTF-8.
 */
@SuppressWarnings("exports") // Its users have HikariCP.
public final class SecretCredentials implements HikariCredentialsProvider {
    private final String user;
    private final Secret password;

    /** Of this user and this secret. */
    public SecretCredentials(String user, Secret password) {
        this.user = Text.required(user, "a user's name");
        this.password = Objects.requireNonNull(password);
    }

    /**
     * The user and what the password is now.
     *
     * @throws io.memguard.MemGuardException as {@link Secret#read}; INVALID_ARGUMENTS where it is not UTF-8
     */
    @Override
    public Credentials getCredentials() {
        return Text.with(password, characters -> Credentials.of(user, new String(characters)));
    }

    /** Shows neither. */
    @Override
    public String toString() {
        return "SecretCredentials";
    }
}
