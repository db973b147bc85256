package io.memguard.adapters.hikari;

import static org.junit.jupiter.api.Assertions.*;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.adapters.HeapSearch;
import io.memguard.adapters.OpenStore;
import io.memguard.adapters.postgresql.PostgresPassword;
import io.memguard.adapters.postgresql.PostgresServer;
import java.nio.file.Path;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.postgresql.ds.PGSimpleDataSource;

/** HikariCP on a real PostgreSQL, the password out of a store. */
class SecretCredentialsTest {
    private static PostgresServer server;

    @TempDir
    Path temporary = Path.of("");

    private OpenStore store;

    @BeforeAll
    static void startServer() throws Exception {
        server = PostgresServer.start();
    }

    @AfterAll
    static void stopServer() throws Exception {
        server.close();
    }

    @BeforeEach
    void open() {
        store = OpenStore.in(temporary);
    }

    @AfterEach
    void close() {
        store.close();
    }

    private static HikariConfig config() {
        var config = new HikariConfig();
        config.setJdbcUrl(server.url());
        config.setMaximumPoolSize(2);
        config.setConnectionTimeout(10_000);
        return config;
    }

    private static String user(DataSource pool) throws SQLException {
        try (var connection = pool.getConnection();
                var result = connection.createStatement().executeQuery("select current_user")) {
            result.next();
            return result.getString(1);
        }
    }

    @Test
    void aPoolConnectsAndTakesUpAReplacedPassword() throws Exception {
        server.run("create role hikari_user login password 'one-password'");
        var password = store.put("db", "one-", "password");
        var config = config();
        config.setCredentialsProvider(new SecretCredentials("hikari_user", password));
        try (var pool = new HikariDataSource(config)) {
            assertEquals("hikari_user", user(pool));
            server.run("alter role hikari_user password 'another-password'");
            store.put("db", "another-", "password");
            pool.getHikariPoolMXBean().softEvictConnections();
            assertEquals("hikari_user", user(pool));
        }
    }

    @Test
    void noStringStaysWithAPoolOnADataSource() throws Exception {
        String[] halves = HeapSearch.randomHalves();
        server.run("create role source_user login password '" + String.join("", halves) + "'");
        var source = new PGSimpleDataSource();
        source.setUrl(server.url());
        var config = config();
        config.setJdbcUrl(null);
        config.setDataSource(source);
        config.setCredentialsProvider(new SecretCredentials("source_user", store.put("db", halves)));
        try (var pool = new HikariDataSource(config)) {
            assertEquals("source_user", user(pool));
            assertTrue(HeapSearch.disappears(temporary, halves, 50));
        }
    }

    /** What the Javadoc warns of; where this fails, HikariCP has mended it. */
    @Test
    void theFirstPasswordStaysWithAPoolOnAUrl() throws Exception {
        String[] halves = HeapSearch.randomHalves();
        server.run("create role url_user login password '" + String.join("", halves) + "'");
        var config = config();
        config.setCredentialsProvider(new SecretCredentials("url_user", store.put("db", halves)));
        try (var pool = new HikariDataSource(config)) {
            assertEquals("url_user", user(pool));
            assertFalse(HeapSearch.disappears(temporary, halves, 3));
        }
    }

    @Test
    void aPoolWithPostgresPasswordNeedsNoString() throws Exception {
        server.run("create role plugin_user login password 'plugin-password'");
        try (var password = PostgresPassword.of(store.put("db", "plugin-", "password"))) {
            var config = config();
            config.setUsername("plugin_user");
            password.properties().forEach((name, value) -> config.addDataSourceProperty(name.toString(), value));
            try (var pool = new HikariDataSource(config)) {
                assertEquals("plugin_user", user(pool));
            }
        }
    }

    @Test
    void aWrongOrDeletedPasswordFailsWithAReason() {
        var credentials = new SecretCredentials("nobody", store.put("db", "wrong-", "password"));
        var config = config();
        config.setCredentialsProvider(credentials);
        var refused = assertThrows(RuntimeException.class, () -> new HikariDataSource(config).close());
        assertTrue(refused.getMessage().contains("password authentication failed"), refused.getMessage());
        store.guard().delete("db");
        var gone = assertThrows(MemGuardException.class, credentials::getCredentials);
        assertEquals(ErrorCode.RETRIEVE_FAILED, gone.code());
        assertFalse(credentials.toString().contains("nobody"));
        assertThrows(MemGuardException.class, () -> new SecretCredentials("", store.put("db", "a", "b")));
    }
}
