package io.memguard.prove;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.LockSupport;

/**
 * Lets JVMs do everything with random secrets and looks for these wherever they could be found: {@code memguard prove}.
 * The secrets, and a token's PIN, are on the heap of the process that searches.
 */
public final class Prove implements AutoCloseable {
    /** In this order: a dump of live objects collects the garbage that the others look at. */
    private static final List<Place> ORDER = List.of(
            Place.MEMORY,
            Place.SWAPPABLE,
            Place.SECRET_MEMORY,
            Place.FULL_DUMP,
            Place.GCORE,
            Place.LIVE_DUMP,
            Place.FLIGHT_RECORDING,
            Place.THREAD_DUMP,
            Place.JMX,
            Place.LOGS,
            Place.STORE,
            Place.TEMPORARY,
            Place.COMMAND_LINE);

    private static final int SHORTEST_PIN = 12;

    private final Settings settings;
    private final Path work;
    private final Map<String, String> subject;
    private final Canaries canaries = new Canaries();
    private final List<Result> results = new ArrayList<>();
    private final Map<String, TreeSet<String>> onHeap = new TreeMap<>();
    private final TreeSet<String> held = new TreeSet<>();
    private final Thread atExit = new Thread(this::abandon);

    private Prove(Settings settings) throws IOException {
        this.settings = settings;
        this.subject = Subject.of(settings);
        this.work = Files.createTempDirectory(
                settings.work(),
                "memguard-prove-",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Runtime.getRuntime().addShutdownHook(atExit);
    }

    /** Takes about a minute, and disk for a core dump of that JVM: a few hundred megabytes, at most 8 GiB. */
    public static Report run(Settings settings) throws IOException, InterruptedException {
        long begin = System.nanoTime();
        try (var prove = new Prove(settings)) {
            prove.run();
            Map<String, List<Result>> peers = settings.peers() ? Baselines.look(settings, prove.work) : Map.of();
            double seconds = (System.nanoTime() - begin) / 1e9;
            return new Report(prove.subject, prove.sorted(), prove.exceptions(), peers, seconds);
        }
    }

    private void run() throws IOException, InterruptedException {
        for (PositiveControl control : PositiveControl.values()) {
            canaries.get(control.canary(), PositiveControl.SIZE); // Some are planted during the search.
        }
        if (settings.pin().isPresent()) {
            try (var pin = settings.pin().get().read()) {
                byte[] bytes = pin.<byte[], RuntimeException>read(text -> text.toArray(ValueLayout.JAVA_BYTE));
                boolean isLong = bytes.length >= SHORTEST_PIN;
                canaries.put(Workload.PIN, isLong ? Canary.Kind.SECRET : Canary.Kind.IGNORED, bytes);
                if (!isLong) {
                    subject.put("PIN", "not looked for: shorter than " + SHORTEST_PIN + " characters");
                }
            }
        }
        Path store = work.resolve("store");
        // A key in a token is removed at the very end only.
        boolean whole = !settings.isSoftware() || settings.places().stream().anyMatch(Place::needsCrash);
        String last = whole
                ? Phase.AFTER_CLOSE.name()
                : settings.phases().stream()
                        .max(Comparator.naturalOrder())
                        .orElseThrow()
                        .name();
        var arguments = List.of(store.toString(), settings.keys());
        settings.progress().accept("makes a store and uses it");
        try (var child = new SubjectJvm(settings, work, Workload.class, with(arguments, Workload.MAKE), canaries)) {
            for (String stop = child.nextStop(); ; stop = child.nextStop()) {
                switch (stop) {
                    case "made", "rotated" -> derive(store, Workload.PASSPHRASE, stop);
                    case "rekeyed" -> derive(store, Workload.NEW_PASSPHRASE, stop);
                    default -> look(child, Phase.valueOf(stop), ORDER);
                }
                if (stop.equals(Phase.AFTER_CLOSE.name())) {
                    break;
                }
                if (stop.equals(last)) {
                    return;
                }
                child.go();
            }
            if (settings.places().stream().anyMatch(Place::needsCrash)) {
                crashAll(arguments);
            }
            child.go();
            child.awaitEnd();
            if (child.exitValue() != 0) {
                throw new IOException("the JVM under test failed at its end; see " + child.log());
            }
        }
    }

    private static List<String> with(List<String> arguments, String mode) {
        var all = new ArrayList<>(arguments);
        all.add(mode);
        return all;
    }

    private void derive(Path store, String passphrase, String when) {
        DerivedKeys.add(settings, store, canaries.get(passphrase, 32), when, canaries);
    }

    /** Two at a time: one starts while the core dump of another one is searched. */
    private void crashAll(List<String> arguments) throws IOException, InterruptedException {
        var crashes = new ArrayList<Callable<Void>>();
        for (Phase phase : settings.phases()) {
            crashes.add(() -> {
                crash(phase, arguments);
                return null;
            });
        }
        try (var two = Executors.newFixedThreadPool(2)) {
            for (var crash : two.invokeAll(crashes)) {
                crash.get();
            }
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException known ? known : new IOException(e.getCause());
        }
    }

    private void crash(Phase phase, List<String> arguments) throws IOException, InterruptedException {
        Path folder = Files.createDirectory(work.resolve("crash-" + phase));
        settings.progress().accept("crashes a JVM " + phase.title());
        try (var child = new SubjectJvm(settings, folder, Workload.class, with(arguments, Workload.OPEN), canaries)) {
            while (!child.nextStop().equals(phase.name())) {
                child.go();
            }
            child.crash();
            look(child, phase, List.of(Place.CORE, Place.HS_ERR));
        }
        delete(folder);
    }

    private void look(SubjectJvm child, Phase phase, List<Place> places) throws IOException, InterruptedException {
        if (!settings.phases().contains(phase)) {
            return;
        }
        var search = new Search(child, phase, canaries, settings.isDirect());
        for (Place place : places) {
            if (settings.places().contains(place)) {
                settings.progress().accept(phase.title() + ": " + place.title());
                record(search.at(place), place.title() + ", " + phase.title());
            }
        }
    }

    private synchronized void record(Search.Look look, String where) {
        results.add(look.result());
        look.onHeap()
                .forEach(match -> onHeap.computeIfAbsent(
                                match.canary().replaceFirst(".*: container.*", "container password"),
                                name -> new TreeSet<>())
                        .add(where));
        if (!look.held().isEmpty()) {
            held.add(where);
        }
    }

    private List<Result> sorted() {
        return results.stream()
                .sorted(Comparator.comparing(Result::place).thenComparing(Result::phase))
                .toList();
    }

    private List<Report.KnownException> exceptions() {
        Map<String, String> reasons = new LinkedHashMap<>();
        reasons.put(Workload.DIRECT, "the emergency route returns an array; the caller wipes it");
        reasons.put("container password", "opens the container only, where the store key is wrapped under the KEK");
        var all = new ArrayList<Report.KnownException>();
        onHeap.forEach((what, places) ->
                all.add(new Report.KnownException(what, reasons.getOrDefault(what, ""), List.copyOf(places))));
        if (!held.isEmpty()) {
            all.add(new Report.KnownException(
                    Workload.HELD, "locked, never swapped, in no core dump; but root can read it", List.copyOf(held)));
        }
        return all;
    }

    private static void delete(Path folder) throws IOException {
        try (var walk = Files.walk(folder)) {
            for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (UncheckedIOException e) {
            throw e.getCause(); // A folder was removed while it was listed.
        }
    }

    /** An interrupted search leaves no gigabytes of dumps. Others still write at first, or remove files as well. */
    private void abandon() {
        for (int attempts = 0; Files.exists(work) && attempts < 100; attempts++) {
            try {
                SubjectJvm.endAll();
                delete(work);
            } catch (IOException e) {
                LockSupport.parkNanos(20_000_000);
            }
        }
    }

    @Override
    public void close() throws IOException {
        delete(work);
        Runtime.getRuntime().removeShutdownHook(atExit);
    }
}
