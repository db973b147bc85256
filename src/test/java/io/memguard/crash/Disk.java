package io.memguard.crash;

import io.memguard.crash.Image.Content;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A disk as POSIX leaves it open: what was not synced may or may not be there after a power cut, names apart from
 * contents and in any combination. Only a single change of a directory (a rename, too) is all or nothing.
 */
final class Disk {
    /** How much of the unsynced content of the files is there. */
    private enum Data {
        NONE,
        ALL,
        TORN,
        ZEROS
    }

    private static final class Node {
        final boolean isDirectory;
        Content durable = Content.EMPTY;
        final List<Content> pending = new ArrayList<>();
        final Map<String, Node> durableNames = new TreeMap<>();
        final Map<String, Node> names = new TreeMap<>();
        final List<Change> changes = new ArrayList<>();

        Node(boolean isDirectory) {
            this.isDirectory = isDirectory;
        }

        Content latest() {
            return pending.isEmpty() ? durable : pending.getLast();
        }

        void change(Change change) {
            change.apply(names);
            changes.add(change);
        }

        void sync() {
            durable = latest();
            pending.clear();
            changes.forEach(change -> change.apply(durableNames));
            changes.clear();
        }
    }

    /** A change of a directory. */
    private record Change(
            @Nullable String removed,
            @Nullable String added,
            @Nullable Node node) {
        void apply(Map<String, Node> names) {
            if (removed != null) {
                names.remove(removed);
            }
            if (added != null) {
                names.put(added, Objects.requireNonNull(node));
            }
        }
    }

    private final Path root;
    private final Node top = new Node(true);
    private final Map<Long, Node> files = new HashMap<>();
    private final int combinations;
    private final SplittableRandom random;

    /** @param combinations of unsynced changes at one moment, all of them; beyond that number, this many at random */
    Disk(Path root, int combinations, long seed) {
        this.root = root;
        this.combinations = combinations;
        this.random = new SplittableRandom(seed);
    }

    /** Goes on by one event of a recording. */
    void apply(List<String> event) {
        String first = event.get(1);
        switch (event.getFirst()) {
            case "create" -> {
                var node = new Node(false);
                files.put(Long.parseLong(first), node);
                parent(event.get(2)).change(new Change(null, name(event.get(2)), node));
            }
            case "mkdir" -> parent(first).change(new Change(null, name(first), new Node(true)));
            case "unlink" -> parent(first).change(new Change(name(first), null, null));
            case "rename" -> parent(first).change(new Change(name(first), name(event.get(2)), find(Path.of(first))));
            case "link" -> parent(first).change(new Change(null, name(event.get(2)), find(Path.of(first))));
            case "write" ->
                write(file(first), Long.parseLong(event.get(2)), HexFormat.of().parseHex(event.get(3)));
            case "truncate" -> resize(file(first), Long.parseLong(event.get(2)));
            case "allocate" -> resize(file(first), Math.max(file(first).latest().size(), Long.parseLong(event.get(2))));
            case "sync" -> {
                var place = find(Path.of(event.get(2)));
                (place.isDirectory ? place : file(first)).sync();
            }
            default -> throw new AssertionError(event);
        }
    }

    private Node file(String inode) {
        return Objects.requireNonNull(files.get(Long.parseLong(inode)), inode);
    }

    private Node parent(String path) {
        return find(Objects.requireNonNull(Path.of(path).getParent()));
    }

    private Node find(Path path) {
        Node node = top;
        for (Path part : root.relativize(path)) {
            node = part.toString().isEmpty()
                    ? node
                    : Objects.requireNonNull(node.names.get(part.toString()), path.toString());
        }
        return node;
    }

    private static String name(String path) {
        return String.valueOf(Path.of(path).getFileName());
    }

    private static void write(Node file, long offset, byte[] bytes) {
        var before = file.latest();
        byte[] old = Objects.requireNonNull(before.bytes());
        byte[] changed = Arrays.copyOf(old, Math.max(old.length, (int) offset + bytes.length));
        System.arraycopy(bytes, 0, changed, (int) offset, bytes.length);
        int end = changed.length;
        while (end > 0 && changed[end - 1] == 0) {
            end--; // A long file of zeros takes no memory.
        }
        file.pending.add(new Content(Arrays.copyOf(changed, end), Math.max(before.size(), changed.length)));
    }

    private static void resize(Node file, long size) {
        byte[] old = Objects.requireNonNull(file.latest().bytes());
        file.pending.add(new Content(size < old.length ? Arrays.copyOf(old, (int) size) : old, size));
    }

    /** What a killed process leaves: everything that was done. */
    Image now() {
        return image(Integer.MAX_VALUE, Data.ALL, true);
    }

    /** Every state that a power cut at this moment may leave. */
    Set<Image> afterPowerCut() {
        int changes = changes(top);
        var images = new LinkedHashSet<Image>();
        for (Data data : Data.values()) {
            images.add(image(0, data, true));
            images.add(image(-1, data, true));
            boolean all = 1L << Math.min(changes, 62) <= combinations;
            for (int i = 0; i < (all ? 1 << changes : combinations); i++) {
                images.add(image(all ? i : random.nextInt(), data, false));
            }
        }
        return images;
    }

    private static int changes(Node node) {
        return node.changes.size()
                + node.names.values().stream()
                        .filter(child -> child.isDirectory)
                        .mapToInt(Disk::changes)
                        .sum();
    }

    /** @param chosen a bit for each unsynced change of a directory, in the order of a walk; where one is set it is there */
    private Image image(int chosen, Data data, boolean same) {
        var image = new TreeMap<String, Content>();
        collect(top, "", new int[] {chosen}, data, same, image);
        return new Image(image);
    }

    private static void collect(
            Node directory, String path, int[] bits, Data data, boolean same, Map<String, Content> image) {
        var names = new TreeMap<>(directory.durableNames);
        for (Change change : directory.changes) {
            if ((bits[0] & 1) != 0) {
                change.apply(names);
            }
            bits[0] = same ? bits[0] : Integer.rotateRight(bits[0], 1);
        }
        names.forEach((name, node) -> {
            image.put(path + name, node.isDirectory ? Content.DIRECTORY : content(node, data));
            if (node.isDirectory) {
                collect(node, path + name + "/", bits, data, same, image);
            }
        });
    }

    private static Content content(Node file, Data data) {
        var latest = file.latest();
        if (file.pending.isEmpty() || data == Data.ALL) {
            return latest;
        }
        byte[] bytes = Objects.requireNonNull(latest.bytes());
        return switch (data) {
            case TORN -> new Content(Arrays.copyOf(bytes, bytes.length / 2), Math.max(bytes.length / 2, 1));
            case ZEROS -> new Content(new byte[0], latest.size());
            default -> file.durable;
        };
    }
}
