package io.memguard.prove;

import io.memguard.MemGuard;
import io.memguard.management.ManagementRegistration;
import io.memguard.management.MemGuardMXBean;
import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.rmi.server.RMIClientSocketFactory;
import java.rmi.server.RMIServerSocketFactory;
import java.util.HexFormat;
import java.util.Map;
import javax.management.JMX;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXConnectorServerFactory;
import javax.management.remote.JMXServiceURL;
import org.jspecify.annotations.Nullable;

/** Uses the store as a remote JMX client does, over TCP on this machine, and keeps all bytes of it in a file. */
final class JmxTraffic {
    private final CanaryClient client;
    private final Path traffic;
    private @Nullable MemGuard guard;

    JmxTraffic(CanaryClient client, Path traffic) {
        this.client = client;
        this.traffic = traffic;
    }

    /** Whose beans are used from now on; null when it is closed. */
    void of(@Nullable MemGuard open) {
        this.guard = open;
    }

    /** The bean that a search must find. */
    public interface ControlMXBean {
        /** Random. */
        String getRandom();
    }

    @SuppressWarnings("BanJNDI") // Its own server, on loopback.
    void use() throws Exception {
        var server = ManagementFactory.getPlatformMBeanServer();
        var controlName = new ObjectName("io.memguard.prove:type=PositiveControl");
        String random = HexFormat.of().formatHex(client.control(PositiveControl.BEAN));
        ControlMXBean control = () -> random;
        server.registerMBean(new javax.management.StandardMBean(control, ControlMXBean.class, true), controlName);
        try (OutputStream recorder =
                Files.newOutputStream(traffic, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            use(server, controlName, recorder);
        } finally {
            server.unregisterMBean(controlName);
        }
    }

    @SuppressWarnings("BanJNDI")
    private void use(MBeanServer server, ObjectName control, OutputStream recorder) throws Exception {
        RMIClientSocketFactory client = (RMIClientSocketFactory & java.io.Serializable)
                (host, port) -> new Recorded(InetAddress.getLoopbackAddress(), port);
        RMIServerSocketFactory listener = port -> new ServerSocket(port, 50, InetAddress.getLoopbackAddress());
        var connector = JMXConnectorServerFactory.newJMXConnectorServer(
                new JMXServiceURL("service:jmx:rmi://"),
                Map.of(
                        "jmx.remote.rmi.client.socket.factory", client,
                        "jmx.remote.rmi.server.socket.factory", listener),
                server);
        Recorded.recorder = recorder;
        connector.start();
        try (var remote = JMXConnectorFactory.connect(connector.getAddress())) {
            var connection = remote.getMBeanServerConnection();
            connection.getAttribute(control, "Random");
            MemGuard open = guard;
            if (open != null) {
                try (var registration = ManagementRegistration.register(open)) {
                    var bean = JMX.newMXBeanProxy(connection, registration.name(), MemGuardMXBean.class);
                    for (int i = 0; i < Workload.SIZES.length; i++) {
                        bean.retrieve(Workload.value(i));
                        bean.contains(Workload.value(i));
                    }
                    bean.delete("nothing");
                    bean.getStats();
                    bean.memoryUsage();
                    try {
                        bean.retrieve("");
                    } catch (RuntimeException e) {
                        // An error goes over the wire, too.
                    }
                }
            }
        } finally {
            connector.stop();
        }
    }

    /** A socket that keeps what goes through it. */
    private static final class Recorded extends Socket {
        private static OutputStream recorder = OutputStream.nullOutputStream();

        Recorded(InetAddress host, int port) throws IOException {
            super(host, port);
        }

        @Override
        public InputStream getInputStream() throws IOException {
            return new FilterInputStream(super.getInputStream()) {
                @Override
                public int read() throws IOException {
                    int read = super.read();
                    if (read >= 0) {
                        recorder.write(read);
                    }
                    return read;
                }

                @Override
                public int read(byte[] bytes, int offset, int length) throws IOException {
                    int count = super.read(bytes, offset, length);
                    if (count > 0) {
                        recorder.write(bytes, offset, count);
                    }
                    return count;
                }
            };
        }

        @Override
        public OutputStream getOutputStream() throws IOException {
            return new FilterOutputStream(super.getOutputStream()) {
                @Override
                public void write(int value) throws IOException {
                    recorder.write(value);
                    out.write(value);
                }

                @Override
                public void write(byte[] bytes, int offset, int length) throws IOException {
                    recorder.write(bytes, offset, length);
                    out.write(bytes, offset, length);
                }
            };
        }
    }
}
