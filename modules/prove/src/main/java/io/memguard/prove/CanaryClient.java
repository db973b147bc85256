package io.memguard.prove;

import io.memguard.SecretBuffer;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * The child's end of the socket through which canaries come, straight into protected memory. A question is a name and a
 * size in a line; the answer is its length in 4 bytes and the canary. Thread-safe.
 */
final class CanaryClient implements AutoCloseable {
    private final SocketChannel channel;

    CanaryClient(Path socket) throws IOException {
        channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        channel.connect(UnixDomainSocketAddress.of(socket));
    }

    /** The caller closes it. */
    synchronized SecretBuffer ask(String name, int size) {
        try {
            channel.write(ByteBuffer.wrap((name + "\t" + size + "\n").getBytes(StandardCharsets.UTF_8)));
            var length = ByteBuffer.allocateDirect(Integer.BYTES);
            while (length.hasRemaining()) {
                if (channel.read(length) < 0) {
                    throw new EOFException("no answer");
                }
            }
            int count = length.getInt(0);
            return SecretBuffer.readFrom(new Part(count), count);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What is to be found: on the heap. */
    byte[] control(PositiveControl control) {
        try (var buffer = ask(control.canary(), PositiveControl.SIZE)) {
            return buffer.<byte[], RuntimeException>read(bytes -> bytes.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    /** One answer, as a channel that ends. */
    private final class Part implements ReadableByteChannel {
        private int left;

        Part(int left) {
            this.left = left;
        }

        @Override
        public int read(ByteBuffer target) throws IOException {
            if (left == 0) {
                return -1;
            }
            int count = channel.read(target.slice(target.position(), Math.min(left, target.remaining())));
            if (count < 0) {
                throw new EOFException("the answer broke off");
            }
            target.position(target.position() + count);
            left -= count;
            return count;
        }

        @Override
        public boolean isOpen() {
            return channel.isOpen();
        }

        @Override
        public void close() {
            // The socket stays open for the next question.
        }
    }
}
