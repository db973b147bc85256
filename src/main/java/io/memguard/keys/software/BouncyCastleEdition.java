package io.memguard.keys.software;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import java.util.jar.Attributes;
import java.util.jar.Manifest;

/**
 * Calls Bouncy Castle. A class path may have another edition of it first, or none: a store whose key is in a token needs
 * none, and everything else gets one line that names the jar. Knows its classes by name only.
 */
final class BouncyCastleEdition {
    /** What the library is built with; pom.xml. */
    private static final String NEEDED = "bcprov-jdk18on, 1.70 or later";

    private static final List<String> CLASSES = List.of(
            "org/bouncycastle/jce/provider/BouncyCastleProvider.class",
            "org/bouncycastle/asn1/ASN1Object.class",
            "org/bouncycastle/crypto/params/KeyParameter.class",
            "org/bouncycastle/jcajce/provider/BouncyCastleFipsProvider.class");

    private static final ClassLoader LOADER = Objects.requireNonNullElseGet(
            BouncyCastleEdition.class.getClassLoader(), ClassLoader::getSystemClassLoader);

    private BouncyCastleEdition() {}

    /** What needs it. */
    @FunctionalInterface
    interface Call<R, X extends Exception> {
        R call() throws X;
    }

    /**
     * Makes a call.
     *
     * @throws MemGuardException SECURITY_ERROR where there is no Bouncy Castle, or one of another edition
     */
    static <R, X extends Exception> R call(Call<R, X> call) throws X {
        try {
            return call.call();
        } catch (LinkageError | SecurityException e) { // Jars of two editions are signed by different keys.
            throw unusable(e);
        }
    }

    private static MemGuardException unusable(Throwable failure) {
        String found = found();
        return new MemGuardException(
                ErrorCode.SECURITY_ERROR,
                found.isEmpty()
                        ? "the software keystore needs Bouncy Castle (" + NEEDED + "), which is not on the class path"
                        : "the software keystore needs Bouncy Castle (" + NEEDED + "), and what is found first is "
                                + found + ": leave the other edition out, or put it behind",
                failure);
    }

    /** The jars that its classes come from, with their versions; empty where there are none. Loads none of them. */
    static String found() {
        var jars = new TreeSet<String>();
        for (String name : CLASSES) {
            URL place = LOADER.getResource(name);
            if (place != null) {
                jars.add(jar(place.toString()));
            }
        }
        return String.join(" and ", jars);
    }

    /** A class's URL ends with its name. */
    private static String jar(String place) {
        int end = place.lastIndexOf("/org/bouncycastle/");
        String root = place.substring(0, end);
        String path = root.replaceFirst("^(jar:)?(file:)?", "").replaceFirst("!$", "");
        String version = "";
        try (var in = new URI(root + "/META-INF/MANIFEST.MF").toURL().openStream()) {
            var attributes = new Manifest(in).getMainAttributes();
            String found = attributes.getValue(Attributes.Name.IMPLEMENTATION_VERSION);
            found = found == null ? attributes.getValue("Bundle-Version") : found;
            version = found == null ? "" : " (" + found + ")";
        } catch (IOException | URISyntaxException | IllegalArgumentException e) {
            // Its name has to do.
        }
        return path + version;
    }
}
