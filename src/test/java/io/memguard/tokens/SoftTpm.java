package io.memguard.tokens;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** A software TPM 2.0 behind a resource manager on a bus of its own, with one PKCS #11 token in it. */
public final class SoftTpm implements AutoCloseable {
    /** The user PIN of its token. */
    public static final String PIN = "tpm-pin-1";

    /** Its token's label. */
    public static final String LABEL = "tpm";

    private final Path directory;
    private final Path log;
    private final Process bus;
    private Process tpm;
    private Process manager;

    /** Starts it, with its state in this directory, whose path must be short (sockets). */
    public SoftTpm(Path directory) throws IOException {
        this.directory = directory;
        this.log = directory.resolve("log");
        Files.createDirectories(directory.resolve("state"));
        Files.createDirectories(directory.resolve("store"));
        Files.writeString(
                directory.resolve("bus.conf"),
                "<busconfig><type>session</type><listen>unix:path=" + directory.resolve("bus")
                        + "</listen><auth>EXTERNAL</auth><policy context=\"default\">"
                        + "<allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>"
                        + "<allow own=\"*\"/></policy></busconfig>");
        bus = Tools.start(Map.of(), log, "dbus-daemon", "--nofork", "--config-file=" + directory.resolve("bus.conf"));
        Tools.await("dbus-daemon", log, () -> Files.exists(directory.resolve("bus")));
        startTpm();
        ptool("init");
        ptool("addtoken", "--pid", "1", "--sopin", "so-" + PIN, "--userpin", PIN, "--label", LABEL);
    }

    private void startTpm() throws IOException {
        Path socket = directory.resolve("tpm");
        Path control = directory.resolve("tpm.ctrl");
        Files.deleteIfExists(socket);
        tpm = Tools.start(
                Map.of(),
                log,
                "swtpm",
                "socket",
                "--tpm2",
                "--tpmstate",
                "dir=" + directory.resolve("state"),
                "--server",
                "type=unixio,path=" + socket,
                "--ctrl",
                "type=unixio,path=" + control,
                "--flags",
                "not-need-init,startup-clear");
        Tools.await("swtpm", log, () -> Files.exists(socket) && Files.exists(control));
        var command = new java.util.ArrayList<>(
                java.util.List.of("tpm2-abrmd", "--session", "--tcti", "swtpm:path=" + socket));
        if (System.getProperty("user.name").equals("root")) {
            command.add("--allow-root");
        }
        manager = Tools.start(environment(), log, command.toArray(String[]::new));
        Tools.await("tpm2-abrmd", log, this::answers);
    }

    private boolean answers() {
        try {
            Tools.run(environment(), "tpm2_getrandom", "--hex", "8");
            return true;
        } catch (AssertionError e) {
            return false;
        }
    }

    private void ptool(String command, String... arguments) {
        var all = new java.util.ArrayList<>(java.util.List.of("tpm2_ptool", command));
        all.addAll(java.util.List.of(arguments));
        all.addAll(java.util.List.of("--path", directory.resolve("store").toString()));
        Tools.run(environment(), all.toArray(String[]::new));
    }

    /** Makes a key with the TPM's own tools, since it makes none through PKCS #11. */
    public void addKey(String algorithm, String label) {
        ptool("addkey", "--algorithm=" + algorithm, "--label=" + LABEL, "--userpin", PIN, "--key-label=" + label);
    }

    /** Ends and starts it again, with its resource manager: what it had loaded is gone, what it keeps is there. */
    public void restart() throws IOException {
        Tools.stop(manager);
        Tools.stop(tpm);
        startTpm();
    }

    /** Clears the lockout that wrong PINs bring. */
    public void clearLockout() {
        Tools.run(environment(), "tpm2_dictionarylockout", "--clear-lockout");
    }

    /** What a process needs to reach it. */
    public Map<String, String> environment() {
        return Map.of(
                "DBUS_SESSION_BUS_ADDRESS",
                "unix:path=" + directory.resolve("bus"),
                "TPM2TOOLS_TCTI",
                "tabrmd:bus_type=session",
                "TPM2_PKCS11_TCTI",
                "tabrmd:bus_type=session",
                "TPM2_PKCS11_STORE",
                directory.resolve("store").toString());
    }

    /** The PKCS #11 library. */
    public static Path module() {
        return Tools.find("/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so", "/usr/lib64/pkcs11/libtpm2_pkcs11.so");
    }

    /** A file with its PIN. */
    public Path pinFile() throws IOException {
        return Tools.pinFile(directory, "pin", PIN);
    }

    /** The URI of a key in it, without a PIN. */
    public String uri(String object) {
        return "pkcs11:token=" + LABEL + ";object=" + object + "?module-path=" + module();
    }

    @Override
    public void close() {
        Tools.stop(manager);
        Tools.stop(tpm);
        Tools.stop(bus);
    }
}
