package io.memguard.adapters.postgresql;

import io.memguard.os.Posix;
import io.memguard.tokens.Tools;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A real PostgreSQL in a temporary folder, on loopback; never as root, which it refuses. It ends with {@link #close}. */
public final class PostgresServer implements AutoCloseable {
    private static final String UNPACKED = System.getenv().getOrDefault("MEMGUARD_UNPACKED", "");
    private static final int NOBODY = 65534;
    private static final String OWNER_PASSWORD = "owner";

    private final Path folder;
    private final int port;
    private final Process server;

    private PostgresServer(Path folder, int port, Process server) {
        this.folder = folder;
        this.port = port;
        this.server = server;
    }

    /** Makes a database cluster and starts a server on it; ready when it returns. */
    public static PostgresServer start() throws Exception {
        Path folder = Files.createTempDirectory("memguard-postgres");
        Path password = Files.writeString(folder.resolve("password"), OWNER_PASSWORD);
        if (Posix.effectiveUser() == 0) {
            Files.setAttribute(folder, "unix:uid", NOBODY);
            Files.setAttribute(password, "unix:uid", NOBODY);
        }
        Path data = folder.resolve("data");
        Process made = process(
                folder,
                "initdb",
                "--pgdata=" + data,
                "--username=owner",
                "--auth=scram-sha-256",
                "--pwfile=" + password,
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--no-instructions");
        String said = new String(made.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (made.waitFor() != 0) {
            throw new AssertionError("initdb failed:\n" + said);
        }
        // Users by the way in which they say who they are.
        Files.writeString(
                data.resolve("pg_hba.conf"),
                "host all md5_user 127.0.0.1/32 md5\nhost all plain_user 127.0.0.1/32 password\n"
                        + "host all all 127.0.0.1/32 scram-sha-256\n");
        int port = freePort();
        Process server = process(
                folder,
                "postgres",
                "-D",
                data.toString(),
                "-p",
                Integer.toString(port),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
                "-c",
                "fsync=off",
                "-c",
                "jit=off",
                "-c",
                "shared_buffers=16MB");
        var started = new PostgresServer(folder, port, server);
        started.awaitReady();
        return started;
    }

    private void awaitReady() throws IOException {
        var said = new StringBuilder();
        // Not closed, and read on in the background, so that it never waits for us.
        var reader = server.inputReader(StandardCharsets.UTF_8);
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
            if (line.contains("ready to accept connections")) {
                Thread.ofPlatform().daemon().start(() -> drain(reader));
                return;
            }
            said.append(line).append('\n');
        }
        throw new AssertionError("postgres ended:\n" + said);
    }

    private static void drain(BufferedReader reader) {
        try {
            while (reader.readLine() != null) {
                // What it says of refused passwords is no news.
            }
        } catch (IOException e) {
            // Closed.
        }
    }

    private static Process process(Path folder, String program, String... arguments) throws IOException {
        var command = new ArrayList<String>();
        if (Posix.effectiveUser() == 0) {
            String nobody = Integer.toString(NOBODY);
            command.addAll(List.of("setpriv", "--reuid", nobody, "--regid", nobody, "--clear-groups"));
        }
        Path binary = newest().resolve(program);
        command.add(binary.toString());
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command).redirectErrorStream(true).directory(folder.toFile());
        builder.environment().put("LC_ALL", "C");
        if (!UNPACKED.isEmpty() && binary.startsWith(UNPACKED)) {
            builder.environment().put("LD_LIBRARY_PATH", UNPACKED + "/usr/lib/x86_64-linux-gnu");
        }
        return builder.start();
    }

    /** The folder of the newest server's programs. */
    private static Path newest() throws IOException {
        for (String root : List.of("", UNPACKED)) {
            Path versions = Path.of(root + "/usr/lib/postgresql");
            if (Files.isDirectory(versions)) {
                try (Stream<Path> all = Files.list(versions)) {
                    var found = all.map(version -> version.resolve("bin"))
                            .filter(bin -> Files.isExecutable(bin.resolve("postgres")))
                            .max(Comparator.comparing(Path::toString));
                    if (found.isPresent()) {
                        return found.get();
                    }
                }
            }
        }
        return Path.of(Tools.program("postgres")).getParent();
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    /** Where the driver finds it. */
    public String url() {
        return "jdbc:postgresql://127.0.0.1:" + port + "/postgres";
    }

    /** Runs a statement as the owner of all. */
    public void run(String sql) throws SQLException {
        try (var connection = DriverManager.getConnection(url(), "owner", OWNER_PASSWORD);
                var statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    @Override
    public void close() throws IOException, InterruptedException {
        server.destroy(); // SIGTERM: a smart shutdown, which waits for clients
        var all = server.descendants().toList();
        if (!server.waitFor(10, java.util.concurrent.TimeUnit.SECONDS)) {
            server.destroyForcibly();
            all.forEach(ProcessHandle::destroyForcibly);
            server.waitFor();
        }
        Tools.run(java.util.Map.of(), "rm", "-r", folder.toString());
    }
}
