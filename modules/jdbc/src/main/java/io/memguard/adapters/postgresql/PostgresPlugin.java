package io.memguard.adapters.postgresql;

import io.memguard.MemGuardException;
import io.memguard.Secret;
import io.memguard.adapters.Text;
import java.util.Optional;
import java.util.Properties;
import org.postgresql.plugin.AuthenticationPlugin;
import org.postgresql.plugin.AuthenticationRequestType;
import org.postgresql.util.PSQLException;
import org.postgresql.util.PSQLState;

/** Made by the driver, by the name in {@link PostgresPassword#properties}; nothing to call. */
@SuppressWarnings("exports") // Its users have the driver.
public final class PostgresPlugin implements AuthenticationPlugin {
    private final Optional<Secret> secret;

    /** For one connection. */
    public PostgresPlugin(Properties properties) {
        this.secret = PostgresPassword.find(properties);
    }

    /** The characters, which the driver wipes. */
    @Override
    public char[] getPassword(AuthenticationRequestType type) throws PSQLException {
        Secret known = secret.orElseThrow(() -> new PSQLException(
                "the PostgresPassword of this connection is closed; close it after the pool",
                PSQLState.INVALID_PASSWORD));
        try {
            return Text.of(known);
        } catch (MemGuardException | IllegalStateException e) {
            throw new PSQLException("no password: " + e.getMessage(), PSQLState.INVALID_PASSWORD, e);
        }
    }
}
