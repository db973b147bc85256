package io.memguard.guides;

import io.memguard.MemGuard;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import java.nio.file.Path;

/** Runs compiled snippets one after the other, in a process of its own: some change all of it. */
final class Snippets {
    private Snippets() {}

    /** Arguments: the directory of the store that the snippets open, or a dash; then the classes. */
    public static void main(String[] arguments) throws Throwable {
        if (!arguments[0].equals("-")) {
            try (var guard = MemGuard.at(Path.of(arguments[0]))
                    .keys(SoftwareKeys.passphrase(SecretSources.file(Path.of("etc/app/passphrase"))))
                    .open()) {
                Given.fill(guard);
            }
        }
        for (int i = 1; i < arguments.length; i++) {
            System.out.println(arguments[i]);
            Given snippet = (Given) Class.forName(arguments[i]).getConstructor().newInstance();
            snippet.run();
        }
        System.out.println("all ran");
    }
}
