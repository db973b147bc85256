package io.memguard.prove;

import io.memguard.keys.KeyProvider;
import io.memguard.keys.SecretSource;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.keys.software.SoftwareKeys;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * What is to be proven.
 *
 * @param keys {@code software}, or the PKCS #11 URI of a token
 * @param pin of that token; random and long, else it is not told from chance
 * @param jvmOptions of the service, such as its collector
 * @param places where to look
 * @param phases when to look
 * @param peers whether to look at other ways of keeping the same values, too
 * @param classes in front of the child's class path: libraries of peers
 * @param work a folder for dumps, of a few hundred megabytes, at most 8 GiB; removed afterwards
 * @param progress is told what is under way
 */
public record Settings(
        String keys,
        Optional<SecretSource> pin,
        List<String> jvmOptions,
        Set<Place> places,
        Set<Phase> phases,
        boolean peers,
        List<Path> classes,
        Path work,
        Consumer<String> progress) {

    /** Everything, with a software keystore. */
    public static Settings software(List<String> jvmOptions, Path work) {
        return new Settings(
                SoftwareKeys.TYPE,
                Optional.empty(),
                jvmOptions,
                EnumSet.allOf(Place.class),
                EnumSet.allOf(Phase.class),
                false,
                List.of(),
                work,
                text -> {});
    }

    boolean isSoftware() {
        return keys.equals(SoftwareKeys.TYPE);
    }

    /** Whether a token encrypts values itself, as far as the URI says. */
    boolean isDirect() {
        return !isSoftware() && !keys.contains("x-mode=envelope");
    }

    /** The same keys, in this process. */
    KeyProvider provider(SecretSource passphrase) {
        return isSoftware() ? SoftwareKeys.passphrase(passphrase) : Pkcs11Keys.uri(keys, pin.orElse(passphrase));
    }

    /** Of this very library, whether it runs from a module path or a class path. */
    String classPath() {
        var entries = new LinkedHashSet<String>();
        classes.forEach(path -> entries.add(path.toString()));
        for (String property : List.of("jdk.module.path", "java.class.path")) {
            Arrays.stream(System.getProperty(property, "").split(File.pathSeparator))
                    .filter(entry -> !entry.isEmpty())
                    .forEach(entry -> entries.addAll(jars(Path.of(entry).toAbsolutePath())));
        }
        return String.join(File.pathSeparator, entries);
    }

    /** A folder of a module path holds jars; one of a class path, classes. */
    private static List<String> jars(Path entry) {
        var all = new ArrayList<String>();
        all.add(entry.toString());
        if (Files.isDirectory(entry) && !Files.exists(entry.resolve("io"))) {
            all.add(entry.resolve("*").toString());
        }
        return all;
    }
}
