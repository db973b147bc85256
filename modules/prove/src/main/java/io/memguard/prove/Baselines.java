package io.memguard.prove;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Looks at the same values kept in other ways, by the same searches. */
final class Baselines {
    /** Where a service has its values while it runs. */
    static final List<Place> PLACES = List.of(Place.FULL_DUMP, Place.MEMORY, Place.GCORE);

    static final List<Phase> PHASES = List.of(Phase.AT_REST, Phase.BORROW, Phase.AFTER_CLOSE);

    private Baselines() {}

    /** By the name of the baseline. */
    static Map<String, List<Result>> look(Settings settings, Path work) throws IOException, InterruptedException {
        var all = new LinkedHashMap<String, List<Result>>();
        for (Baseline baseline : Baseline.values()) {
            settings.progress().accept("the same in " + baseline.title());
            all.put(baseline.title(), look(baseline, settings, Files.createDirectory(work.resolve(baseline.name()))));
        }
        return all;
    }

    private static List<Result> look(Baseline baseline, Settings settings, Path work)
            throws IOException, InterruptedException {
        var canaries = new Canaries();
        for (PositiveControl control : PositiveControl.values()) {
            canaries.get(control.canary(), PositiveControl.SIZE);
        }
        var results = new ArrayList<Result>();
        try (var child = new SubjectJvm(settings, work, BaselineWorkload.class, List.of(baseline.name()), canaries)) {
            for (Phase phase : PHASES) {
                String stop = child.nextStop();
                if (!stop.equals(phase.name())) {
                    throw new IOException("the peer stopped at " + stop);
                }
                var search = new Search(child, phase, canaries, false);
                for (Place place : PLACES) {
                    results.add(search.at(place).result());
                }
                child.go();
            }
        } catch (IOException e) {
            String why = baseline == Baseline.ASHERAH
                    ? "its library is not there: name its jars by --peer-class-path"
                    : String.valueOf(e.getMessage());
            return PHASES.stream()
                    .map(phase -> Result.notProven(PLACES.getFirst(), phase, why))
                    .toList();
        }
        return results;
    }
}
