package io.memguard.management;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.Secrets;
import io.memguard.Status;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Method;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.rmi.server.RMIClientSocketFactory;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import javax.management.JMX;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.RuntimeMBeanException;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXConnectorServerFactory;
import javax.management.remote.JMXServiceURL;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChannelTest {
    private static final String VALUE = "canary-4f1d9c0b7a6e";

    @TempDir
    Path directory;

    private MemGuard guard;

    @BeforeEach
    void open() {
        guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
        try (var value = Secrets.text(VALUE)) {
            guard.store("a", value);
        }
    }

    @AfterEach
    void close() {
        guard.close();
    }

    @Test
    void theAnswersAreThoseOfTheContract() {
        var channel = MemGuardChannel.of(guard);
        assertEquals(Status.DONE, channel.retrieve("a"));
        assertEquals(Status.NOT_FOUND, channel.retrieve("b"));
        assertEquals(Status.DONE, channel.contains("a"));
        assertEquals(Status.NO, channel.contains("b"));
        assertEquals(Status.NO, channel.delete("b"));
        assertEquals(1, channel.getStats().itemsCount());
        assertEquals(Status.DONE, channel.cleanupMemory());
        assertEquals(0, channel.memoryUsage().items());
        assertEquals(Status.DONE, channel.retrieve("a"));
        assertEquals(1, channel.memoryUsage().items());
        assertEquals(Status.DONE, channel.delete("a"));
        assertEquals(Status.DONE, channel.cleanupAll());
        assertEquals(true, Status.DONE.value());
        assertEquals(false, Status.NO.value());
        assertNull(Status.NOT_FOUND.value());
        assertEquals("rust_not_ready", Status.RUST_NOT_READY.value());
    }

    /** Nothing that could carry bytes of a secret goes in or out: by the types themselves. */
    @Test
    void noTypeOfTheChannelCanCarryAValue() {
        Set<Class<?>> harmless = Set.of(
                String.class, // In: the name. Out: a word of the contract.
                Status.class,
                io.memguard.Stats.class,
                io.memguard.MemoryUsage.class,
                Map.class, // Of figures, as text.
                long.class,
                boolean.class);
        for (Class<?> type : List.of(MemGuardChannel.class, MemGuardMXBean.class)) {
            for (Method method : type.getDeclaredMethods()) {
                if (java.lang.reflect.Modifier.isStatic(method.getModifiers())) {
                    continue;
                }
                assertTrue(harmless.contains(method.getReturnType()), method.toString());
                for (Class<?> parameter : method.getParameterTypes()) {
                    assertEquals(String.class, parameter, method.toString());
                }
                assertFalse(method.getName().startsWith("store"), method.toString());
            }
        }
    }

    @Test
    @SuppressWarnings("try") // Closed by hand on purpose.
    void eachInstanceHasItsNameAndIsGoneAfterwards() throws Exception {
        var server = ManagementFactory.getPlatformMBeanServer();
        ObjectName name;
        try (var first = ManagementRegistration.register(guard);
                var second = ManagementRegistration.register(guard)) {
            name = first.name();
            assertEquals("io.memguard:type=MemGuard,store=" + guard.storeId(), name.toString());
            assertEquals(name + ",instance=2", second.name().toString());
            assertTrue(server.isRegistered(name));
            first.close();
            assertFalse(server.isRegistered(name));
            assertTrue(server.isRegistered(second.name()));
        }
        assertEquals(Set.of(), server.queryNames(new ObjectName("io.memguard:*"), null));
    }

    @Test
    @SuppressWarnings("BanJNDI") // Its own server, on loopback.
    void aRemoteClientWorksAndNoValueIsOnTheWire() throws Exception {
        try (var recorder = new Recorder();
                var registration = ManagementRegistration.register(guard)) {
            // The registry and the connector use ports of their own; the client goes through the recorder.
            RMIClientSocketFactory recorded = recorder.factory();
            var url = new JMXServiceURL("service:jmx:rmi://");
            var connector = JMXConnectorServerFactory.newJMXConnectorServer(
                    url,
                    Map.of("jmx.remote.rmi.client.socket.factory", recorded),
                    ManagementFactory.getPlatformMBeanServer());
            connector.start();
            try (var client = JMXConnectorFactory.connect(connector.getAddress())) {
                MBeanServerConnection remote = client.getMBeanServerConnection();
                var bean = JMX.newMXBeanProxy(remote, registration.name(), MemGuardMXBean.class);
                assertEquals("true", bean.retrieve("a"));
                assertNull(bean.retrieve("nothing"));
                assertEquals("true", bean.contains("a"));
                assertEquals("false", bean.contains("nothing"));
                assertEquals("false", bean.delete("nothing"));
                Map<String, String> stats = bean.getStats();
                assertEquals(
                        new TreeSet<>(List.of(
                                "storage_type",
                                "encryption_type",
                                "key_strength",
                                "rust_initialized",
                                "items_count",
                                "total_size_bytes",
                                "directory_path",
                                "timestamp")),
                        new TreeSet<>(stats.keySet()));
                assertEquals("1", stats.get("items_count"));
                assertEquals("true", stats.get("rust_initialized"));
                assertEquals("1", bean.memoryUsage().get("items"));
                var error = assertThrows(
                        RuntimeMBeanException.class,
                        () -> remote.invoke(
                                registration.name(), "retrieve", new Object[] {""}, new String[] {String.class.getName()
                                }));
                assertTrue(String.valueOf(error.getCause().getMessage()).startsWith("INVALID_ARGUMENTS: "));
                assertEquals("true", bean.cleanupMemory());
                assertEquals("true", bean.retrieve("a"));
                // Even an attacker who knows MBeans finds nothing else to call.
                assertEquals(6, remote.getMBeanInfo(registration.name()).getOperations().length);
                numbersAreNumbers(remote, registration.name());
                assertEquals("true", bean.delete("a"));
                assertEquals("true", bean.cleanupAll());
            } finally {
                connector.stop();
            }
            String wire = new String(recorder.bytes(), StandardCharsets.ISO_8859_1);
            assertTrue(wire.contains("items_count"), "the control: what went over the wire was recorded");
            byte[] value = VALUE.getBytes(StandardCharsets.UTF_8);
            for (String form : List.of(
                    VALUE,
                    VALUE.substring(7),
                    new String(VALUE.getBytes(StandardCharsets.UTF_16LE), StandardCharsets.ISO_8859_1),
                    Base64.getEncoder().withoutPadding().encodeToString(value).substring(0, 20),
                    HexFormat.of().formatHex(value))) {
                assertFalse(wire.contains(form), form);
            }
        }
    }

    /** What exporters take: attributes, each a number of its own, readable without the right to call anything. */
    private static void numbersAreNumbers(MBeanServerConnection remote, ObjectName name) throws Exception {
        for (String number : List.of(
                "ItemsCount",
                "TotalSizeBytes",
                "Timestamp",
                "MemoryItems",
                "MemoryValueBytes",
                "MemorySealedBytes",
                "WindowsInUse",
                "LockedBytes",
                "UnlockedBytes")) {
            assertInstanceOf(Long.class, remote.getAttribute(name, number), number);
        }
        assertEquals(1L, remote.getAttribute(name, "ItemsCount"));
        assertEquals(VALUE.length(), ((Long) remote.getAttribute(name, "MemoryValueBytes")).intValue());
        assertEquals(true, remote.getAttribute(name, "RustInitialized"));
        assertEquals(false, remote.getAttribute(name, "Hardened"));
        assertEquals("software_keystore", remote.getAttribute(name, "StorageType"));
        assertEquals("aes_256_gcm", remote.getAttribute(name, "EncryptionType"));
        assertEquals("256_bit", remote.getAttribute(name, "KeyStrength"));
        for (var attribute : remote.getMBeanInfo(name).getAttributes()) {
            assertFalse(attribute.isWritable(), attribute.getName());
            assertNotNull(remote.getAttribute(name, attribute.getName()));
        }
    }

    /** Copies all that goes over the client's sockets. */
    private static final class Recorder implements AutoCloseable {
        private static final ByteArrayOutputStream WIRE = new ByteArrayOutputStream();

        Recorder() {
            WIRE.reset();
        }

        byte[] bytes() {
            synchronized (WIRE) {
                return WIRE.toByteArray();
            }
        }

        RMIClientSocketFactory factory() {
            return new Factory();
        }

        @Override
        public void close() {}

        private static final class Factory implements RMIClientSocketFactory, java.io.Serializable {
            private static final long serialVersionUID = 1L;

            @Override
            public Socket createSocket(String host, int port) throws IOException {
                var proxy = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                Thread.ofVirtual().start(() -> {
                    try (proxy;
                            var client = proxy.accept();
                            var server = new Socket(InetAddress.getLoopbackAddress(), port)) {
                        var back = Thread.ofVirtual().start(() -> copy(server, client));
                        copy(client, server);
                        back.join();
                    } catch (IOException | InterruptedException e) {
                        // The connection ended.
                    }
                });
                return new Socket(InetAddress.getLoopbackAddress(), proxy.getLocalPort());
            }

            @Override
            public boolean equals(Object other) {
                return other instanceof Factory;
            }

            @Override
            public int hashCode() {
                return 1;
            }

            private static void copy(Socket from, Socket to) {
                try {
                    InputStream in = from.getInputStream();
                    OutputStream out = to.getOutputStream();
                    byte[] buffer = new byte[8192];
                    for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                        synchronized (WIRE) {
                            WIRE.write(buffer, 0, count);
                        }
                        out.write(buffer, 0, count);
                        out.flush();
                    }
                    to.shutdownOutput();
                } catch (IOException e) {
                    // The connection ended.
                }
            }
        }
    }
}
