package io.memguard.packaging;

import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What the jar ships of others comes with its licence: by the bill of materials that the native build made. */
class NoticesTest {
    private static final Path NOTICES = Path.of("src/main/resources/META-INF/THIRD-PARTY-NOTICES");
    private static final Path LINKED = Path.of("target/classes/io/memguard/native/linux-x86_64/sbom.cdx.json");

    @Test
    void nothingThatIsLinkedIsMissingInTheNotices() throws IOException {
        Set<String> titles = new HashSet<>(Files.readAllLines(NOTICES, StandardCharsets.UTF_8));
        String bill = Files.readString(LINKED);
        var components = Pattern.compile("\"name\": \"([^\"]+)\", \"version\": \"([^\"]+)\"")
                .matcher(bill.substring(bill.indexOf("\"components\"")));
        int count = 0;
        while (components.find()) {
            String title = components.group(1) + ' ' + components.group(2);
            assertTrue(titles.contains(title), title + " is linked, and not in the notices: scripts/notices --update");
            count++;
        }
        assertTrue(count > 5, "the control: the bill has components");
        assertTrue(titles.contains("Rust standard library"));
    }

    @Test
    void everyNoticeHasItsText() throws IOException {
        String[] parts = Files.readString(NOTICES).split("\\Q" + "*".repeat(80) + "\\E" + "\n");
        for (int i = 2; i < parts.length; i += 2) {
            assertTrue(parts[i].length() > 60, parts[i - 1]);
        }
        assertTrue(Files.readString(Path.of("LICENSE")).contains("Apache License"));
    }
}
