package io.memguard.crash;

import io.memguard.MemGuard;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.software.SoftwareKeys;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The JVM that is killed or recorded: does a scenario's steps and marks in the record when each begins and when it is done. */
final class Worker {
    private @Nullable MemGuard guard;

    private Worker() {}

    /** Both kinds of provider, as cheap as they can be. */
    static KeyProvider keys(String provider) {
        if (provider.equals("numbered")) {
            return new NumberedKeys();
        }
        return SoftwareKeys.passphrase(() -> Secrets.text("correct horse")).cost(1, 8 << 20);
    }

    public static void main(String[] arguments) {
        Path directory = Path.of(arguments[0]);
        var steps = Step.scenario(Long.parseLong(arguments[2]), Integer.parseInt(arguments[3]));
        var trace = new Filetrace();
        var worker = new Worker();
        for (int i = 0; i < steps.size(); i++) {
            trace.mark("begin " + i);
            worker.run(steps.get(i), directory, arguments[1]);
            trace.mark("done " + i);
        }
    }

    private void run(Step step, Path directory, String provider) {
        switch (step.kind()) {
            case OPEN -> guard = MemGuard.at(directory).keys(keys(provider)).open();
            case CLOSE -> guard().close();
            case DELETE -> guard().delete(step.name());
            case ROTATE -> guard().rotate((done, total) -> {});
            case CLEANUP -> guard().cleanupAll();
            case STORE_ALL -> storeAll(step);
            case STORE -> {
                try (var value = Secrets.random(Step.size(step.value()), step.value())) {
                    guard().store(step.name(), value);
                }
            }
        }
    }

    private void storeAll(Step step) {
        var values = new LinkedHashMap<String, SecretBuffer>();
        step.after(Map.of()).forEach((name, value) -> values.put(name, Secrets.random(Step.size(value), value)));
        guard().storeAll(values);
        values.values().forEach(SecretBuffer::close);
    }

    private MemGuard guard() {
        return Objects.requireNonNull(guard);
    }
}
