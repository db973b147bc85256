package io.memguard.consistency;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secret;
import io.memguard.SecretBuffer;
import io.memguard.consistency.Call.Kind;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;

/** A JVM that works on a store with two threads until it is told to stop, or killed; writes down every call. */
final class Client {
    static final List<String> NAMES = List.of("a", "b", "c", "d", "e");

    private static final int THREADS = 2;

    private final MemGuard guard;
    private final Map<String, Secret> handles = new ConcurrentHashMap<>();
    private volatile boolean stopped;

    private Client(MemGuard guard) {
        this.guard = guard;
    }

    static SoftwareKeys keys(Path passphrase) {
        return SoftwareKeys.passphrase(SecretSources.file(passphrase)).cost(1, 8 << 20);
    }

    /** Arguments: directory, passphrase's file, file of the history without its end, number of this process, seed. */
    public static void main(String[] arguments) throws Exception {
        try (var guard = MemGuard.at(Path.of(arguments[0]))
                .keys(keys(Path.of(arguments[1])))
                .open()) {
            var commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            System.out.println("open");
            commands.readLine();
            new Client(guard).run(commands, arguments[2], Long.parseLong(arguments[3]), Long.parseLong(arguments[4]));
        }
        System.out.println("done");
    }

    private void run(BufferedReader commands, String history, long process, long seed) throws Exception {
        var threads = new ArrayList<Thread>();
        for (long i = 0; i < THREADS; i++) {
            long id = process * THREADS + i;
            threads.add(Thread.ofPlatform().start(() -> {
                try (var log = new History(Path.of(history + "-" + id))) {
                    work(log, id, new SplittableRandom(seed + id));
                } catch (Throwable e) {
                    e.printStackTrace(System.out);
                    Runtime.getRuntime().halt(3);
                }
            }));
        }
        commands.readLine();
        stopped = true;
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private void work(History log, long id, SplittableRandom random) throws Exception {
        for (long round = 1; !stopped; round++) {
            String name = NAMES.get(random.nextInt(NAMES.size()));
            long fresh = id << 32 | round << 3;
            switch (random.nextInt(20)) {
                case 0, 1 -> store(log, name, fresh);
                case 2 -> log.call(Kind.DELETE, List.of(name), List.of(), () -> List.of(guard.delete(name) ? 1L : 0L));
                case 3 -> storeAll(log, fresh);
                case 4 ->
                    log.call(Kind.CONTAINS, List.of(name), List.of(), () -> List.of(guard.contains(name) ? 1L : 0L));
                case 5 -> log.call(Kind.CONTAINS, NAMES, List.of(), this::listed);
                case 6 -> {
                    guard.cleanupMemory();
                    log.call(Kind.READ, List.of(name), List.of(), () -> List.of(byName(name)));
                }
                case 7, 8 -> log.call(Kind.READ, List.of(name), List.of(), () -> List.of(byName(name)));
                default -> log.call(Kind.READ, List.of(name), List.of(), () -> List.of(byHandle(name)));
            }
        }
    }

    private void store(History log, String name, long number) throws Exception {
        try (var value = Values.of(number)) {
            log.call(Kind.STORE, List.of(name), List.of(number), () -> {
                guard.store(name, value);
                return List.of(number);
            });
        }
    }

    private void storeAll(History log, long number) throws Exception {
        var values = new LinkedHashMap<String, SecretBuffer>();
        var numbers = new ArrayList<Long>();
        try {
            for (String name : NAMES.subList(1, 4)) {
                numbers.add(number + numbers.size());
                values.put(name, Values.of(numbers.getLast()));
            }
            log.call(Kind.STORE, List.copyOf(values.keySet()), numbers, () -> {
                guard.storeAll(values);
                return numbers;
            });
        } finally {
            values.values().forEach(SecretBuffer::close);
        }
    }

    private List<Long> listed() {
        var there = guard.list();
        return NAMES.stream().map(name -> there.contains(name) ? 1L : 0L).toList();
    }

    private long byName(String name) {
        try {
            return guard.<Long, RuntimeException>read(name, Values::number);
        } catch (MemGuardException e) {
            return absent(e);
        }
    }

    private long byHandle(String name) {
        Secret known = handles.get(name);
        if (known == null) {
            var found = guard.secret(name);
            if (found.isEmpty()) {
                return Call.ABSENT;
            }
            known = found.get();
            handles.put(name, known);
        }
        try {
            return known.<Long, RuntimeException>read(Values::number);
        } catch (MemGuardException e) {
            return absent(e);
        }
    }

    /** What is not there is an error of a read, told from damage by its message. */
    private static long absent(MemGuardException e) {
        if (e.code() == ErrorCode.RETRIEVE_FAILED
                && String.valueOf(e.getMessage()).contains("no secret")) {
            return Call.ABSENT;
        }
        throw e;
    }
}
