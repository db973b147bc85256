package io.memguard.adapters.http;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Secret;
import io.memguard.adapters.Text;
import java.net.Authenticator;
import java.net.PasswordAuthentication;
import java.net.URI;
import java.net.URL;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Answers one server that asks for a password (Basic), for {@code java.net.http.HttpClient}.
 *
 * <pre>{@code
 * HttpClient client = HttpClient.newBuilder()
 *         .authenticator(new SecretAuthenticator(URI.create("https://api.example.com"), "app", secret))
 *         .build();
 * }</pre>
 *
 * <p>No other party gets the password: not another host, port or scheme that a redirect leads to, and no proxy.
 *
 * <p><b>On the heap</b>: {@link PasswordAuthentication} takes a {@code char[]}, and copies it; ours is wiped at once. The
 * client asks at the first 401 of a server, and from then on keeps the copy for as long as it itself is referred to, and
 * makes an {@code Authorization} String of it for each request. It asks again when the server refuses what it kept, so a
 * replaced password is taken up then. Make a client for a batch of requests and let it go where that is too long. What
 * lasts least: a header of one's own, or a socket, as {@code Secret.writeTo} fills it. With {@code HttpURLConnection} use
 * {@code setAuthenticator}, and note that the JDK keeps the copy for good there.
 *
 * <p>Thread-safe. The secret has to be text in UTF-8; Basic without {@code charset} is only sure for ASCII.
 */
public final class SecretAuthenticator extends Authenticator {
    private final Origin origin;
    private final String user;
    private final Secret password;

    /**
     * For one origin; what follows its port is of no matter.
     *
     * @param origin {@code https://host[:port]}, or {@code http} where the network is to be trusted
     */
    public SecretAuthenticator(URI origin, String user, Secret password) {
        this.origin = Origin.of(origin);
        this.user = Text.required(user, "a user's name");
        this.password = Objects.requireNonNull(password);
        if (user.indexOf(':') >= 0) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "a user's name has no colon in Basic authentication (RFC 7617)");
        }
    }

    /**
     * What the password is now; null for everybody but the origin.
     *
     * @throws MemGuardException as {@link Secret#read}; INVALID_ARGUMENTS where it is not UTF-8
     */
    @Override
    protected @Nullable PasswordAuthentication getPasswordAuthentication() {
        URL url = getRequestingURL();
        if (getRequestorType() != RequestorType.SERVER || url == null || !origin.equals(Origin.of(url))) {
            return null;
        }
        return Text.with(password, characters -> new PasswordAuthentication(user, characters));
    }

    /** Shows nothing. */
    @Override
    public String toString() {
        return "SecretAuthenticator";
    }

    private record Origin(String scheme, String host, int port) {
        static Origin of(URI uri) {
            String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
            if (!(scheme.equals("https") || scheme.equals("http")) || uri.getHost() == null) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS, "an origin is https://host or http://host, with :port if needed");
            }
            return of(scheme, uri.getHost(), uri.getPort());
        }

        static Origin of(URL url) {
            return of(url.getProtocol(), url.getHost(), url.getPort());
        }

        private static Origin of(String scheme, String host, int port) {
            int known = port >= 0 ? port : scheme.equals("https") ? 443 : 80;
            return new Origin(scheme, host.toLowerCase(Locale.ROOT), known);
        }
    }
}
