package io.memguard.migration;

import java.util.List;
import java.util.Locale;

/** How a configuration file is written. */
public enum Format {
    /** As java.util.Properties reads it; {@code #---} begins another document, as in Spring Boot. */
    PROPERTIES,

    /** YAML; nested names are joined as Spring Boot does: {@code a.b[0].c}. */
    YAML,

    /** By the file's name; where that tells nothing, what both would read alike. */
    BY_NAME;

    List<Setting> read(String fileName, byte[] file) {
        String text = Text.of(file, this == YAML || isYaml(fileName));
        return switch (this) {
            case PROPERTIES -> PropertyLines.read(text);
            case YAML -> YamlSettings.read(text);
            case BY_NAME -> {
                if (isYaml(fileName)) {
                    yield YamlSettings.read(text);
                }
                var settings = PropertyLines.read(text);
                if (!fileName.toLowerCase(Locale.ROOT).endsWith(".properties")) {
                    YamlSettings.requireSame(text, settings);
                }
                yield settings;
            }
        };
    }

    private static boolean isYaml(String fileName) {
        String name = fileName.toLowerCase(Locale.ROOT);
        return name.endsWith(".yml") || name.endsWith(".yaml");
    }
}
