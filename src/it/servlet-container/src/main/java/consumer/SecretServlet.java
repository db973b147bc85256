package consumer;

import io.memguard.MemGuard;
import io.memguard.Secret;
import io.memguard.SecretBuffer;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;

/** The application: a store for as long as it is deployed. */
public final class SecretServlet extends HttpServlet {
    private static final long serialVersionUID = 1;

    private transient MemGuard guard;
    private transient Secret stored;

    @Override
    public void init() {
        guard = MemGuard.at(Path.of(getInitParameter("store")))
                .keys(SoftwareKeys.passphrase(SecretSources.file(Path.of(getInitParameter("passphrase")))))
                .open();
        try (SecretBuffer value = SecretBuffer.consume("correct horse".toCharArray())) {
            guard.store("db/password", value);
            guard.storeEphemeral("otp", value, Duration.ofHours(1));
        }
        stored = guard.secret("db/password").orElseThrow();
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        long size = stored.<Long, RuntimeException>read(MemorySegment::byteSize);
        response.getWriter().print("read " + size);
    }

    /** As it should be, or as many applications are. */
    @Override
    public void destroy() {
        if (getInitParameter("forgets") == null) {
            guard.close();
        }
    }
}
