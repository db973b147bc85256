package io.memguard.adapters.http;

import static org.junit.jupiter.api.Assertions.*;

import com.sun.net.httpserver.BasicAuthenticator;
import com.sun.net.httpserver.HttpServer;
import io.memguard.MemGuardException;
import io.memguard.adapters.OpenStore;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** HttpClient on real HTTP servers that ask for a password. */
class SecretAuthenticatorTest {
    @TempDir
    Path temporary = Path.of("");

    private OpenStore store;
    private HttpServer own;
    private HttpServer other;
    private final List<String> otherSaw = new CopyOnWriteArrayList<>();
    private volatile String accepted = "correct horse";

    @BeforeEach
    void start() throws IOException {
        store = OpenStore.in(temporary);
        other = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        other.createContext("/", exchange -> {
            otherSaw.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
            exchange.getResponseHeaders().add("WWW-Authenticate", "Basic realm=\"the same\"");
            exchange.sendResponseHeaders(401, -1);
            exchange.close();
        });
        other.start();
        own = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        own.createContext("/", exchange -> {
                    exchange.sendResponseHeaders(200, -1);
                    exchange.close();
                })
                .setAuthenticator(new BasicAuthenticator("the same") {
                    @Override
                    public boolean checkCredentials(String user, String password) {
                        return user.equals("app") && password.equals(accepted);
                    }
                });
        own.createContext("/away", exchange -> {
            exchange.getResponseHeaders().add("Location", origin(other) + "/");
            exchange.sendResponseHeaders(302, -1);
            exchange.close();
        });
        own.start();
    }

    @AfterEach
    void stop() {
        own.stop(0);
        other.stop(0);
        store.close();
    }

    private static URI origin(HttpServer server) {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
    }

    private HttpClient client() {
        return HttpClient.newBuilder()
                .followRedirects(HttpClient.Redirect.ALWAYS)
                .authenticator(new SecretAuthenticator(
                        origin(own), "app", store.guard().secret("api").orElseThrow()))
                .build();
    }

    private static int get(HttpClient client, URI uri) throws IOException, InterruptedException {
        return client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.discarding())
                .statusCode();
    }

    @Test
    void aServerThatAsksGetsThePasswordAndAReplacedOneIsTakenUp() throws Exception {
        store.put("api", "correct ", "horse");
        try (var client = client()) {
            assertEquals(200, get(client, origin(own).resolve("/a")));
            assertEquals(200, get(client, origin(own).resolve("/b")));
            accepted = "battery staple";
            store.put("api", "battery ", "staple");
            assertEquals(200, get(client, origin(own).resolve("/c")));
        }
    }

    @Test
    void aWrongPasswordIsRefusedAndDoesNotGoOnForever() throws Exception {
        store.put("api", "wrong", "");
        try (var client = client()) {
            var refused = assertThrows(IOException.class, () -> get(client, origin(own)));
            assertTrue(refused.getMessage().contains("too many authentication attempts"), refused.getMessage());
        }
    }

    @Test
    void nobodyElseGetsIt() throws Exception {
        store.put("api", "correct ", "horse");
        try (var client = client()) {
            assertEquals(200, get(client, origin(own)));
            for (URI uri : List.of(origin(other), origin(own).resolve("/away"))) {
                // Without an answer to its question the client reports the 401, or that it has no credentials.
                try {
                    assertEquals(401, get(client, uri));
                } catch (IOException e) {
                    assertTrue(e.getMessage().contains("credentials"), e.getMessage());
                }
            }
        }
        assertEquals(List.of("null", "null"), otherSaw);
    }

    @Test
    void whatIsNoOriginIsRefused() {
        var secret = store.put("api", "a", "b");
        for (String uri : List.of("ftp://host", "host", "https:///path", "mailto:a@b")) {
            assertThrows(MemGuardException.class, () -> new SecretAuthenticator(URI.create(uri), "app", secret), uri);
        }
        assertThrows(MemGuardException.class, () -> new SecretAuthenticator(URI.create("https://h"), "a:b", secret));
        assertThrows(MemGuardException.class, () -> new SecretAuthenticator(URI.create("https://h"), "", secret));
    }
}
