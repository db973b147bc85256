package io.memguard.adapters.postgresql;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.adapters.HeapSearch;
import io.memguard.adapters.OpenStore;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** PostgreSQL's driver on a real server, the password as characters only. */
class PostgresPasswordTest {
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

    private static Connection connect(PostgresPassword password, String user) throws SQLException {
        var properties = password.properties();
        properties.setProperty("user", user);
        return DriverManager.getConnection(server.url(), properties);
    }

    @ParameterizedTest
    @CsvSource({"scram_user, scram-sha-256", "md5_user, md5", "plain_user, scram-sha-256"})
    void connectsAndLeavesNothingReachable(String user, String encryption) throws Exception {
        String[] halves = HeapSearch.randomHalves();
        server.run("set password_encryption = '" + encryption + "'; create role " + user + " login password '"
                + String.join("", halves) + "'");
        try (var password = PostgresPassword.of(store.put("db", halves));
                var connection = connect(password, user)) {
            assertTrue(connection.isValid(10));
            assertTrue(HeapSearch.disappears(temporary, halves, 50));
        }
    }

    @Test
    void passwordsBeyondAsciiAndReplacedOnesWork() throws Exception {
        server.run("create role wide_user login password 'pä\uD83D\uDD11€'");
        try (var password = PostgresPassword.of(store.put("db", "pä\uD83D\uDD11", "€"))) {
            connect(password, "wide_user").close();
            server.run("alter role wide_user password 'replaced'");
            assertThrows(SQLException.class, () -> connect(password, "wide_user"));
            store.put("db", "repl", "aced");
            connect(password, "wide_user").close();
        }
    }

    @Test
    void closedDeletedAndBinarySecretsAreRefusedInWords() throws Exception {
        var password = PostgresPassword.of(store.put("db", "a", "b"));
        store.guard().delete("db");
        var gone = assertThrows(SQLException.class, () -> connect(password, "owner"));
        assertTrue(gone.getMessage().contains("no secret of this name"), gone.getMessage());
        try (var binary = io.memguard.SecretBuffer.consume(new byte[] {'a', (byte) 0xC3})) {
            store.guard().store("db", binary);
        }
        var unreadable = assertThrows(SQLException.class, () -> connect(password, "owner"));
        assertTrue(unreadable.getMessage().contains("not text in UTF-8"), unreadable.getMessage());
        password.close();
        password.close();
        var closed = assertThrows(SQLException.class, () -> connect(password, "owner"));
        assertTrue(closed.getMessage().contains("is closed"), closed.getMessage());
    }
}
