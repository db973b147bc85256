package io.memguard.guides;

import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What a reader of the documents stumbles over: links that lead nowhere, tests that do not exist, endless lines. */
class DocumentsTest {
    private static final int LONGEST = 100;
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
    private static final Pattern CODE = Pattern.compile("`([^`]+)`");
    private static final Pattern TEST = Pattern.compile("\\b([A-Z]\\w*Test)\\b(?:\\.(\\w+))?");

    @Test
    void everyRelativeLinkLeadsToAFileAndAHeadingThatExist() throws IOException {
        var dead = new ArrayList<String>();
        int links = 0;
        for (String document : Documents.all()) {
            var link = LINK.matcher(prose(document));
            while (link.find()) {
                links++;
                if (!leadsSomewhere(Path.of(document), link.group(1))) {
                    dead.add(document + ": " + link.group(1));
                }
            }
        }
        assertEquals(List.of(), dead);
        assertTrue(links > 50, "only " + links + " links were found");
    }

    private static boolean leadsSomewhere(Path document, String link) throws IOException {
        if (link.matches("[a-z]+:.*")) {
            return true; // Another host's: nothing of ours.
        }
        String[] parts = link.split("#", 2);
        Path target = parts[0].isEmpty()
                ? document
                : document.resolveSibling(parts[0]).normalize();
        return Files.exists(target)
                && (parts.length == 1 || anchors(target.toString()).contains(parts[1]));
    }

    /** As GitHub makes them of headings. */
    private static Set<String> anchors(String document) throws IOException {
        return prose(document)
                .lines()
                .filter(line -> line.startsWith("#"))
                .map(line -> line.replaceFirst("#+ ", "")
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N} _-]", "")
                        .replace(' ', '-'))
                .collect(Collectors.toSet());
    }

    @Test
    void everyDocumentIsLinkedFromTheReadme() throws IOException {
        var linked = new TreeSet<String>();
        var link = LINK.matcher(prose("README.md"));
        while (link.find()) {
            linked.add(link.group(1).replaceFirst("#.*", ""));
        }
        var missing = new TreeSet<>(Documents.all());
        missing.removeIf(document -> linked.contains(document) || document.equals("README.md"));
        missing.removeIf(document -> isBeside(document, linked));
        assertEquals(Set.of(), missing);
    }

    /** Whether the folder's README, which has the list of the folder, is linked. */
    private static boolean isBeside(String document, Set<String> linked) {
        Path index = Path.of(document).resolveSibling("README.md");
        return !index.toString().equals("README.md") && linked.contains(index.toString());
    }

    @Test
    void noLineButATablesIsLongerThan100Characters() throws IOException {
        var longer = new ArrayList<String>();
        for (String document : Documents.all()) {
            int number = 0;
            for (String line : Files.readAllLines(Path.of(document))) {
                number++;
                if (line.codePointCount(0, line.length()) > LONGEST && !line.startsWith("|")) {
                    longer.add(document + ":" + number);
                }
            }
        }
        assertEquals(List.of(), longer);
    }

    /** `SomeTest.aMethod`, and `.another` after it, as the contract names them. */
    @Test
    void everyTestThatADocumentNamesExists() throws IOException {
        Map<String, String> sources = testSources();
        var missing = new ArrayList<String>();
        int tests = 0;
        for (String document : Documents.all()) {
            String test = "";
            var code = CODE.matcher(prose(document));
            while (code.find()) {
                String name = code.group(1);
                if (name.matches("\\.[a-z]\\w{12,}")) { // A method, and not the end of a file's name.
                    name = test + name;
                }
                var named = TEST.matcher(name);
                while (named.find()) {
                    tests++;
                    test = named.group(1);
                    if (!has(sources.get(test), named.group(2))) {
                        missing.add(document + ": " + named.group());
                    }
                }
            }
        }
        assertEquals(List.of(), missing);
        assertTrue(tests > 150, "only " + tests + " tests were found");
    }

    private static boolean has(String source, String member) {
        return source != null
                && (member == null
                        || Pattern.compile("(void|class) " + member + "\\b")
                                .matcher(source)
                                .find());
    }

    /** Of the library, and of all modules. */
    private static Map<String, String> testSources() throws IOException {
        var sources = new HashMap<String, String>();
        Files.walkFileTree(Path.of(""), new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
                String name = folder.getFileName().toString();
                return name.equals("target") || name.startsWith(".")
                        ? FileVisitResult.SKIP_SUBTREE
                        : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                String name = file.getFileName().toString();
                if (name.endsWith("Test.java")) {
                    sources.merge(name.replace(".java", ""), Files.readString(file), String::concat);
                }
                return FileVisitResult.CONTINUE;
            }
        });
        return sources;
    }

    /** Without blocks and what has more than one backtick. */
    private static String prose(String document) throws IOException {
        return Files.readString(Path.of(document))
                .replaceAll("(?ms)^```.*?^```$", "")
                .replaceAll("`{2,}", "");
    }
}
