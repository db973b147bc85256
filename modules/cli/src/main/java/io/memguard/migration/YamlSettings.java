package io.memguard.migration;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.composer.Composer;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.AnchorNode;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.scanner.StreamReader;

/** The settings of a YAML file, by the names that Spring Boot gives them: {@code a.b[0].c}. */
final class YamlSettings {
    private static final int DEEPEST = 64;
    private static final int MOST = 1_000_000; // Aliases multiply.

    private final List<Setting> settings = new ArrayList<>();
    private int document;

    private YamlSettings() {}

    static List<Setting> read(String text) {
        var all = new YamlSettings();
        for (Node root : documents(text)) {
            all.document++;
            if (root instanceof MappingNode || root instanceof SequenceNode) {
                all.flatten("", root, 0);
            }
        }
        return all.settings;
    }

    /** A file whose name tells nothing, that was read as properties: is YAML's view of it another one? */
    static void requireSame(String text, List<Setting> properties) {
        List<Setting> settings;
        try {
            settings = read(text);
        } catch (RuntimeException e) {
            return; // It is none.
        }
        if (!settings.isEmpty() && !encrypted(settings).equals(encrypted(properties))) {
            throw Text.invalid("the file may be properties or YAML; say which by --format");
        }
    }

    private static Set<String> encrypted(List<Setting> settings) {
        var encrypted = new HashSet<String>();
        for (Setting setting : settings) {
            if (setting.value().contains(JasyptFile.BEGIN)) {
                encrypted.add(setting.name() + '=' + setting.value().strip());
            }
        }
        return encrypted;
    }

    private static List<Node> documents(String text) {
        try {
            var options = LoadSettings.builder()
                    .setCodePointLimit(Math.max(1, text.length()))
                    .setAllowDuplicateKeys(true) // Looked for by name, over all of the file.
                    .build();
            var roots = new ArrayList<Node>();
            new Composer(options, new ParserImpl(options, new StreamReader(options, text)))
                    .forEachRemaining(roots::add);
            return roots;
        } catch (MarkedYamlEngineException e) { // Its message quotes the file.
            throw Text.invalid("the file is not valid YAML"
                    + e.getProblemMark()
                            .map(mark -> ": line " + (mark.getLine() + 1))
                            .orElse(""));
        } catch (YamlEngineException | StackOverflowError e) {
            throw Text.invalid("the file is not valid YAML, or nested too deeply");
        } catch (NoClassDefFoundError e) {
            throw Text.invalid("YAML is read by snakeyaml-engine, which is not on the module path or class path");
        }
    }

    private void flatten(String path, Node node, int depth) {
        if (depth > DEEPEST || settings.size() >= MOST) {
            throw Text.invalid("the YAML is nested too deeply, or its aliases are too many: line " + line(node));
        }
        switch (node) {
            case AnchorNode anchor -> flatten(path, anchor.getRealNode(), depth + 1);
            case MappingNode mapping -> {
                for (NodeTuple tuple : merged(mapping, depth)) {
                    flatten(join(path, name(tuple.getKeyNode())), tuple.getValueNode(), depth + 1);
                }
            }
            case SequenceNode sequence -> {
                int index = 0;
                for (Node item : sequence.getValue()) {
                    flatten(path + '[' + index++ + ']', item, depth + 1);
                }
            }
            case ScalarNode scalar ->
                settings.add(new Setting(path, scalar.getValue(), document, line(node), lastLine(node)));
            default -> throw Text.invalid("line " + line(node) + " has YAML of an unknown kind");
        }
    }

    /** What {@code <<} brings along gives way to what the mapping has itself, and what comes first to what comes later. */
    private static List<NodeTuple> merged(MappingNode mapping, int depth) {
        var tuples = new ArrayList<NodeTuple>();
        var merges = new ArrayList<Node>();
        var names = new HashSet<String>();
        for (NodeTuple tuple : mapping.getValue()) {
            if (tuple.getKeyNode() instanceof ScalarNode key
                    && key.isPlain()
                    && key.getValue().equals("<<")) {
                merges.add(tuple.getValueNode());
            } else {
                names.add(name(tuple.getKeyNode()));
                tuples.add(tuple);
            }
        }
        for (Node merge : merges) {
            for (Node from : merge instanceof SequenceNode several ? several.getValue() : List.of(merge)) {
                Node real = from instanceof AnchorNode anchor ? anchor.getRealNode() : from;
                if (!(real instanceof MappingNode base) || depth > DEEPEST) {
                    throw Text.invalid("line " + line(merge) + " merges what is no mapping");
                }
                for (NodeTuple tuple : merged(base, depth + 1)) {
                    if (names.add(name(tuple.getKeyNode()))) {
                        tuples.add(tuple);
                    }
                }
            }
        }
        return tuples;
    }

    private static String join(String path, String name) {
        return path.isEmpty() || name.startsWith("[") ? path + name : path + '.' + name;
    }

    /** What is no text to YAML 1.1 stands in brackets, as Spring has it. */
    private static String name(Node key) {
        if (!(key instanceof ScalarNode scalar)) {
            throw Text.invalid("line " + line(key) + " has a name that is no text");
        }
        String text = scalar.getValue();
        if (scalar.isPlain() && text.matches("[-+]?(0|[1-9][0-9]{0,17})")) {
            return "[" + Long.parseLong(text) + ']';
        }
        if (scalar.isPlain() && text.matches("(?i)yes|no|true|false|on|off")) {
            return "[" + List.of("yes", "true", "on").contains(text.toLowerCase(Locale.ROOT)) + ']';
        }
        return text;
    }

    private static int line(Node node) {
        return node.getStartMark().map(Mark::getLine).orElse(0) + 1;
    }

    private static int lastLine(Node node) {
        Optional<Mark> end = node.getEndMark();
        return Math.max(
                line(node),
                end.map(mark -> mark.getLine() + (mark.getColumn() > 0 ? 1 : 0)).orElse(0));
    }
}
