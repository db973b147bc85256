import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.memguard.MemGuard;
import io.memguard.OpenMode;
import io.memguard.Secret;
import io.memguard.SecretBuffer;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.management.ManagementRegistration;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Executors;

/**
 * A small service whose API keys live in MemGuard: it checks requests against them in constant time, calls another
 * service with one of them, and shows the channel over JMX.
 *
 * <pre>
 * printf %s KEY | memguard store client/alice     # the key that the client alice has to send
 * printf %s TOKEN | memguard store upstream       # what this service sends upstream
 * java --enable-native-access=ALL-UNNAMED -cp 'memguard.jar:lib/*' ApiKeyService.java DIR PASSPHRASE-FILE PORT UPSTREAM
 * curl -H 'X-Client: alice' -H 'X-Api-Key: KEY' localhost:PORT/call
 * </pre>
 */
public final class ApiKeyService {
    private final MemGuard guard;
    private final URI upstream;

    private ApiKeyService(MemGuard guard, URI upstream) {
        this.guard = guard;
        this.upstream = upstream;
    }

    public static void main(String[] arguments) throws IOException {
        var guard = MemGuard.at(Path.of(arguments[0]))
                .keys(SoftwareKeys.passphrase(SecretSources.file(Path.of(arguments[1]))))
                .mode(OpenMode.EXISTING)
                .open();
        var registration = ManagementRegistration.register(guard);
        var service = new ApiKeyService(guard, URI.create(arguments[3]));
        var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(arguments[2]));
        var server = HttpServer.create(address, 0);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/call", service::handle);
        server.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            server.stop(1);
            registration.close();
            guard.close();
        }));
        System.out.println("ready on port " + server.getAddress().getPort() + ", JMX " + registration.name());
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            if (!isAllowed(exchange)) {
                answer(exchange, 401, "unknown client or wrong key\n");
                return;
            }
            answer(exchange, 200, callUpstream());
        } catch (IOException | RuntimeException e) {
            answer(exchange, 502, "the service behind this one does not answer\n");
        }
    }

    /** What the client sent is a String on the heap, which is the client's copy; ours never is. */
    private boolean isAllowed(HttpExchange exchange) {
        String client = exchange.getRequestHeaders().getFirst("X-Client");
        String key = exchange.getRequestHeaders().getFirst("X-Api-Key");
        if (client == null || key == null || client.length() > 100) {
            return false;
        }
        Optional<Secret> expected = guard.secret("client/" + client);
        try (var sent = SecretBuffer.consume(key.toCharArray())) {
            return expected.isPresent() && expected.get().contentEquals(sent);
        }
    }

    /** The header goes from the borrowed segment to the socket. */
    private String callUpstream() throws IOException {
        try (var socket = SocketChannel.open(new InetSocketAddress(upstream.getHost(), upstream.getPort()))) {
            write(socket, "GET / HTTP/1.1\r\nHost: " + upstream.getHost() + "\r\nConnection: close\r\nAuthorization: Bearer ");
            guard.secret("upstream").orElseThrow().writeTo(socket);
            write(socket, "\r\n\r\n");
            String answer = new String(Channels.newInputStream(socket).readAllBytes(), StandardCharsets.UTF_8);
            return answer.substring(answer.indexOf("\r\n\r\n") + 4);
        }
    }

    private static void write(SocketChannel socket, String text) throws IOException {
        ByteBuffer bytes = StandardCharsets.US_ASCII.encode(text);
        while (bytes.hasRemaining()) {
            socket.write(bytes);
        }
    }

    private static void answer(HttpExchange exchange, int status, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
    }
}
