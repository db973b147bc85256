package io.memguard.tokens;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** A SoftHSM token as a remote one: p11-kit's server on a socket, and its client library. */
public final class P11KitServer implements AutoCloseable {
    private final SoftHsm hsm;
    private final String token;
    private final Path socket;
    private final Path log;
    private Process server;

    /** Serves a token on a socket in this directory. */
    public P11KitServer(Path directory, SoftHsm hsm, SoftHsm.Token token) throws IOException {
        this.hsm = hsm;
        this.token = "pkcs11:token=" + token.label();
        this.socket = directory.resolve("p11-kit.socket");
        this.log = directory.resolve("p11-kit.log");
        this.server = startServer();
    }

    private Process startServer() throws IOException {
        Files.deleteIfExists(socket);
        Process started = Tools.start(
                hsm.environment(),
                log,
                Tools.find("/usr/libexec/p11-kit/p11-kit-server", "/usr/lib/p11-kit/p11-kit-server")
                        .toString(),
                "--foreground",
                "--name",
                socket.toString(),
                "--provider",
                SoftHsm.module().toString(),
                token);
        Tools.await("p11-kit server", log, () -> Files.exists(socket));
        return started;
    }

    /** The library that reaches it. */
    public static Path module() {
        return Tools.find("/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so", "/usr/lib64/pkcs11/p11-kit-client.so");
    }

    /** What a process needs to reach it. */
    public Map<String, String> environment() {
        var environment = new HashMap<>(hsm.environment());
        environment.put("P11_KIT_SERVER_ADDRESS", "unix:path=" + socket);
        return environment;
    }

    /** Kills it, with all that serves its clients. */
    public void kill() {
        var all = server.descendants().toList(); // One for each client.
        Tools.stop(server);
        all.forEach(ProcessHandle::destroyForcibly);
        all.forEach(process -> process.onExit().join());
    }

    /** Starts it again, at the same address. */
    public void restart() throws IOException {
        server = startServer();
    }

    @Override
    public void close() {
        kill();
    }
}
