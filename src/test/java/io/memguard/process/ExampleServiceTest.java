package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.MemGuard;
import io.memguard.Secrets;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.management.ObjectName;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The example is what its documentation says: end to end, as a process, with a real service behind it. */
class ExampleServiceTest {
    private static final String TOKEN = "upstream-token-1f0e";

    @TempDir
    Path temporary;

    private final LinkedBlockingQueue<String> received = new LinkedBlockingQueue<>();

    @Test
    @SuppressWarnings("BanJNDI") // Its own server, on loopback.
    void theExampleChecksKeysCallsOutAndShowsTheChannel() throws Exception {
        Path passphrase = temporary.resolve("passphrase");
        Files.writeString(passphrase, "correct horse");
        Files.setPosixFilePermissions(passphrase, PosixFilePermissions.fromString("rw-------"));
        Path store = temporary.resolve("store");
        try (var guard = MemGuard.at(store)
                        .keys(SoftwareKeys.passphrase(SecretSources.file(passphrase))
                                .cost(1, 8 << 20))
                        .open();
                var key = Secrets.text("key of alice");
                var token = Secrets.text(TOKEN)) {
            guard.store("client/alice", key);
            guard.store("upstream", token);
        }
        int jmxPort;
        try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            jmxPort = free.getLocalPort();
        }
        try (var upstream = upstream();
                var service = ChildJvm.startSource(
                        Path.of("examples/ApiKeyService.java"),
                        List.of(
                                "-Dcom.sun.management.jmxremote.port=" + jmxPort,
                                "-Dcom.sun.management.jmxremote.host=127.0.0.1",
                                "-Djava.rmi.server.hostname=127.0.0.1",
                                "-Dcom.sun.management.jmxremote.authenticate=false",
                                "-Dcom.sun.management.jmxremote.ssl=false"),
                        List.of(
                                store.toString(),
                                passphrase.toString(),
                                "0",
                                "http://127.0.0.1:" + upstream.getLocalPort()))) {
            Matcher ready = Pattern.compile("ready on port (\\d+), JMX (.*)").matcher("");
            String said = service.readLine();
            while (said != null && !ready.reset(said).matches()) {
                said = service.readLine();
            }
            assertNotNull(said, "it ended");
            int port = Integer.parseInt(ready.group(1));

            assertEquals(200, call(port, "alice", "key of alice").statusCode());
            assertEquals(
                    "hello from upstream", call(port, "alice", "key of alice").body());
            String request = received.poll(10, TimeUnit.SECONDS);
            assertTrue(request.contains("Authorization: Bearer " + TOKEN + "\r\n"), request);
            for (String wrong : List.of("key of bob", "key of alic", "key of alice2", "")) {
                assertEquals(401, call(port, "alice", wrong).statusCode());
            }
            assertEquals(401, call(port, "bob", "key of alice").statusCode());
            assertEquals(401, call(port, "../alice", "key of alice").statusCode());

            var url = new JMXServiceURL("service:jmx:rmi:///jndi/rmi://127.0.0.1:" + jmxPort + "/jmxrmi");
            try (var client = JMXConnectorFactory.connect(url)) {
                var remote = client.getMBeanServerConnection();
                var name = new ObjectName(ready.group(2));
                var signature = new String[] {String.class.getName()};
                assertEquals("true", remote.invoke(name, "contains", new Object[] {"client/alice"}, signature));
                assertEquals("true", remote.invoke(name, "retrieve", new Object[] {"upstream"}, signature));
                assertEquals("true", remote.invoke(name, "delete", new Object[] {"client/alice"}, signature));
            }
            assertEquals(401, call(port, "alice", "key of alice").statusCode());
        }
    }

    private static HttpResponse<String> call(int port, String client, String key)
            throws IOException, InterruptedException {
        try (var http = HttpClient.newHttpClient()) {
            var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/call"))
                    .header("X-Client", client)
                    .header("X-Api-Key", key)
                    .build();
            return http.send(request, HttpResponse.BodyHandlers.ofString());
        }
    }

    private ServerSocket upstream() throws IOException {
        var server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(() -> {
            while (!server.isClosed()) {
                try (var socket = server.accept()) {
                    byte[] buffer = new byte[4096];
                    var request = new StringBuilder();
                    while (request.indexOf("\r\n\r\n") < 0) {
                        int count = socket.getInputStream().read(buffer);
                        request.append(new String(buffer, 0, count, StandardCharsets.US_ASCII));
                    }
                    received.add(request.toString());
                    socket.getOutputStream()
                            .write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello from upstream"
                                    .getBytes(StandardCharsets.US_ASCII));
                } catch (IOException e) {
                    // Closed.
                }
            }
        });
        return server;
    }
}
