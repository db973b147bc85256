package io.memguard.prove;

import java.util.LinkedHashMap;
import java.util.Map;

/** What a report is about. */
final class Subject {
    private Subject() {}

    static Map<String, String> of(Settings settings) {
        var subject = new LinkedHashMap<String, String>();
        // A URI may say where the PIN is.
        subject.put(
                "keys",
                settings.isSoftware() ? settings.keys() : settings.keys().replaceFirst("\\?.*", ""));
        subject.put("JVM", property("java.vm.name") + " " + property("java.runtime.version"));
        subject.put("options", String.join(" ", settings.jvmOptions()));
        subject.put("system", property("os.name") + " " + property("os.version") + " " + property("os.arch"));
        subject.put("user", property("user.name"));
        return subject;
    }

    private static String property(String name) {
        return System.getProperty(name, "");
    }
}
