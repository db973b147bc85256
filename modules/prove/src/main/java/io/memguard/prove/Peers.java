package io.memguard.prove;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Looks at the same values kept in other ways, by the same searches. */
final class Peers {
    /** Where a service has its values while it runs. */
    static final List<Place> PLACES = List.of(Place.FULL_DUMP, Place.MEMORY, Place.GCORE);

    static final List<Phase> PHASES = List.of(Phase.AT_REST, Phase.BORROW, Phase.AFTER_CLOSE);

    private Peers() {}

    /** By the name of the peer. */
    static Map<String, List<Cell>> look(Settings settings, Path work) throws IOException, InterruptedException {
        var all = new LinkedHashMap<String, List<Cell>>();
        for (Peer peer : Peer.values()) {
            settings.progress().accept("the same in " + peer.title());
            all.put(peer.title(), look(peer, settings, Files.createDirectory(work.resolve(peer.name()))));
        }
        return all;
    }

    private static List<Cell> look(Peer peer, Settings settings, Path work) throws IOException, InterruptedException {
        var canaries = new Canaries();
        for (Control control : Control.values()) {
            canaries.get(control.canary(), Control.SIZE);
        }
        var cells = new ArrayList<Cell>();
        try (var child = new Child(settings, work, PeerWorkload.class, List.of(peer.name()), canaries)) {
            for (Phase phase : PHASES) {
                String stop = child.nextStop();
                if (!stop.equals(phase.name())) {
                    throw new IOException("the peer stopped at " + stop);
                }
                var search = new Search(child, phase, canaries, false);
                for (Place place : PLACES) {
                    cells.add(search.at(place).cell());
                }
                child.go();
            }
        } catch (IOException e) {
            String why = peer == Peer.ASHERAH
                    ? "its library is not there: name its jars by --peer-class-path"
                    : String.valueOf(e.getMessage());
            return PHASES.stream()
                    .map(phase -> Cell.notProven(PLACES.getFirst(), phase, why))
                    .toList();
        }
        return cells;
    }
}
