package io.memguard.crash;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.Secrets;
import java.nio.file.Path;

/** The JVM that stops in the middle of a store, before the call whose number it is told, whatever it holds then. */
final class LockHolder {
    private LockHolder() {}

    public static void main(String[] arguments) throws Exception {
        var trace = new Filetrace();
        try (var guard = MemGuard.at(Path.of(arguments[0]))
                        .keys(new FixedKeys(1))
                        .open();
                var value = Secrets.text("of the one that is killed")) {
            long before = trace.calls();
            guard.store("a", value);
            System.out.println(trace.calls() - before);
            trace.stop(Long.parseLong(arguments[1]));
            guard.store("a", value);
        }
        System.out.println("done");
    }
}
