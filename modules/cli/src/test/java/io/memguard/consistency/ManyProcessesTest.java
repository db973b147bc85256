package io.memguard.consistency;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.cli.Cli;
import io.memguard.consistency.Call.Kind;
import io.memguard.os.DurableFile;
import io.memguard.process.ChildJvm;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Eight JVMs and the command line on one directory, while some of them are killed and the key changes: every call on a
 * secret must have a place in one order. {@code -Dconsistency.seconds=} for longer than some seconds.
 */
class ManyProcessesTest {
    private static final int SECONDS = Integer.getInteger("consistency.seconds", 8);
    private static final int JVMS = 8;

    @TempDir
    Path work = Path.of("");

    private final long seed = Secrets.seed();
    private final SplittableRandom random = new SplittableRandom(seed);
    private final AtomicLong processes = new AtomicLong(1);
    private final ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    private final Map<String, List<Call>> calls = History.empty();
    private long deadline;
    private int killed;
    private final AtomicLong rotated = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();
    private final AtomicLong commands = new AtomicLong();

    /** A client, and where it writes what it does. */
    private record Running(ChildJvm jvm, String history) {}

    private Path passphrase() throws Exception {
        Path file = work.resolve("passphrase");
        if (!Files.exists(file)) {
            Files.writeString(Files.createFile(file, DurableFile.OWNER_ONLY), "correct horse battery");
        }
        return file;
    }

    private Path directory() {
        return work.resolve("store");
    }

    private Running start() throws Exception {
        long number = processes.getAndIncrement();
        String history = work.resolve("history-" + number).toString();
        var jvm = ChildJvm.start(
                Client.class,
                List.of("env", "JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xss512k"),
                List.of(
                        directory().toString(),
                        passphrase().toString(),
                        history,
                        Long.toString(number),
                        Long.toString(seed)));
        return new Running(jvm, history);
    }

    @Test
    void everyCallHasAPlaceInOneOrderOfItsSecret() throws Exception {
        // The first opening of all of them at once: one makes the store.
        var running = new ArrayList<Running>();
        for (int i = 0; i < JVMS; i++) {
            running.add(start());
        }
        for (Running client : running) {
            client.jvm().expect("open");
        }
        deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        for (Running client : running) {
            client.jvm().send("begin");
        }
        var others = List.of(
                Thread.ofPlatform().start(() -> guarded(() -> command(1))),
                Thread.ofPlatform().start(() -> guarded(() -> command(2))),
                Thread.ofPlatform().start(() -> guarded(this::rotate)),
                Thread.ofPlatform().start(() -> guarded(this::rotate)));
        while (System.nanoTime() < deadline && failures.isEmpty()) {
            TimeUnit.MILLISECONDS.sleep(500 + random.nextInt(1_500));
            replaceOne(running);
        }
        for (Thread other : others) {
            other.join();
        }
        for (Running client : running) {
            try {
                client.jvm().send("end");
            } catch (IOException e) {
                // It has died, and has said why.
            }
            String said = client.jvm().rest();
            assertTrue(said.endsWith("done\n"), said);
            read(client, Long.MAX_VALUE);
        }
        if (!failures.isEmpty()) {
            throw new AssertionError(failures.peek());
        }
        judge();
    }

    /** Kills one of them in the middle of whatever it does; another one takes its place. */
    private void replaceOne(List<Running> running) throws Exception {
        Running victim = running.remove(random.nextInt(running.size()));
        victim.jvm().kill();
        read(victim, System.nanoTime());
        killed++;
        var next = start();
        next.jvm().expect("open");
        next.jvm().send("begin");
        running.add(next);
    }

    private void read(Running client, long death) throws Exception {
        String prefix = Path.of(client.history()).getFileName() + "-";
        try (var files = Files.list(work)) {
            for (Path file : files.filter(path -> path.getFileName().toString().startsWith(prefix))
                    .toList()) {
                synchronized (calls) {
                    History.read(file, death, calls);
                }
            }
        }
    }

    private interface Task {
        void run() throws Exception;
    }

    private void guarded(Task task) {
        try {
            task.run();
        } catch (Throwable e) {
            failures.add(e);
        }
    }

    /** Opens it anew for each change, as a cron job does; another one may be at it. */
    private void rotate() throws Exception {
        do {
            try (var guard =
                    MemGuard.at(directory()).keys(Client.keys(passphrase())).open()) {
                guard.rotate((done, total) -> {});
                rotated.incrementAndGet();
            } catch (MemGuardException e) {
                if (e.code() != ErrorCode.STORE_FAILED || !e.getMessage().contains("another call or process")) {
                    throw e;
                }
                refused.incrementAndGet();
            }
            TimeUnit.MILLISECONDS.sleep(200);
        } while (System.nanoTime() < deadline);
    }

    /** One call after the other by processes of the command line. */
    private void command(int number) throws Exception {
        var own = new SplittableRandom(seed + number);
        var cli = new Cli(Map.of(
                "MEMGUARD_DIR", directory().toString(),
                "MEMGUARD_PASSPHRASE_FILE", passphrase().toString()));
        Path file = work.resolve("cli-" + number);
        try (var log = new History(file)) {
            for (long round = 1; round == 1 || System.nanoTime() < deadline; round++) {
                String name = Client.NAMES.get(own.nextInt(Client.NAMES.size()));
                long fresh = (1_000_000L + number) << 32 | round;
                switch (own.nextInt(5)) {
                    case 0, 1 ->
                        log.call(Kind.STORE, List.of(name), List.of(fresh), () -> {
                            status(0, cli.run(bytes(fresh), "store", name));
                            return List.of(fresh);
                        });
                    case 2 ->
                        log.call(
                                Kind.DELETE, List.of(name), List.of(), () -> yes(cli.run(new byte[0], "delete", name)));
                    case 3 ->
                        log.call(
                                Kind.CONTAINS,
                                List.of(name),
                                List.of(),
                                () -> yes(cli.run(new byte[0], "contains", name)));
                    default ->
                        log.call(
                                Kind.READ,
                                List.of(name),
                                List.of(),
                                () -> value(cli.run(new byte[0], "retrieve", name)));
                }
                commands.incrementAndGet();
            }
        }
        synchronized (calls) {
            History.read(file, Long.MAX_VALUE, calls);
        }
    }

    private static void status(int expected, Cli.Result result) {
        assertEquals(expected, result.status(), result.error());
    }

    private static List<Long> yes(Cli.Result result) {
        assertTrue(result.status() <= 1, result.error());
        return List.of(1L - result.status());
    }

    private static List<Long> value(Cli.Result result) {
        if (result.status() == 1) {
            return List.of(Call.ABSENT);
        }
        status(0, result);
        try (var arena = Arena.ofConfined()) {
            return List.of(Values.number(arena.allocateFrom(ValueLayout.JAVA_BYTE, result.out())));
        }
    }

    private static byte[] bytes(long number) {
        try (var value = Values.of(number)) {
            return value.<byte[], RuntimeException>read(segment -> segment.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    private void judge() {
        long total = calls.values().stream().mapToLong(List::size).sum();
        long cut = all(call -> !call.returned());
        System.out.println(total + " calls on " + calls.size() + " secrets by " + (processes.get() - 1) + " JVMs and "
                + commands + " runs of the command line in " + SECONDS + " s, " + rotated + " new keys (" + refused
                + " changes refused), " + killed
                + " kills, " + cut + " of them in the middle of a call");
        for (Kind kind : Kind.values()) {
            assertTrue(all(call -> call.kind() == kind) > 0, kind.toString());
        }
        assertTrue(killed > 0 && rotated.get() > 0 && commands.get() > 0 && calls.size() == Client.NAMES.size());
        for (String name : Client.NAMES) {
            var violation = Linearizability.firstViolation(calls.get(name));
            assertTrue(violation.isEmpty(), () -> name + ": " + violation + " in\n" + around(name, violation.get()));
        }
        plant();
    }

    private long all(java.util.function.Predicate<Call> filter) {
        return calls.values().stream().flatMap(List::stream).filter(filter).count();
    }

    private String around(String name, Call call) {
        return calls.get(name).stream()
                .filter(other -> other.end() > call.start() - 50_000_000 && other.start() < call.end())
                .sorted(java.util.Comparator.comparingLong(Call::start))
                .map(Call::toString)
                .collect(java.util.stream.Collectors.joining("\n"));
    }

    /** One answer of this very history made stale must be found. */
    private void plant() {
        List<Call> history = new ArrayList<>(calls.get("a"));
        history.sort(java.util.Comparator.comparingLong(Call::start));
        long stale = history.stream()
                .filter(call -> call.kind() == Kind.STORE && call.returned())
                .findFirst()
                .orElseThrow()
                .value();
        for (int i = history.size() - 1; i >= 0; i--) {
            Call call = history.get(i);
            if (call.kind() == Kind.READ && call.returned() && call.value() != stale && i > history.size() / 2) {
                history.set(i, new Call(Kind.READ, stale, call.start(), call.end(), true));
                assertTrue(Linearizability.firstViolation(history).isPresent(), "a stale read is not found");
                return;
            }
        }
        System.out.println("too few reads to make one of them stale");
    }
}
