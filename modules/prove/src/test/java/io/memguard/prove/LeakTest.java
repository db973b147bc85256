package io.memguard.prove;

import static org.junit.jupiter.api.Assertions.*;

import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * {@code memguard prove} goes red for each leak that is put back: one line of the library is changed, its class compiled
 * anew and put in front of the class path of the JVM that is looked at. The library itself has no switch for that.
 */
class LeakTest {
    private static final Path SOURCES =
            Path.of("src", "main", "java", "io", "memguard").toAbsolutePath();

    @TempDir
    Path temporary = Path.of("");

    /** A leak, and where it must be found. */
    enum Mutation {
        /** The facade keeps a copy. */
        HEAP_COPY_IN_THE_FACADE(
                Place.LIVE_DUMP,
                "MemGuard.java",
                "        Moment moment = store.write(checked, value);",
                "        Leak.keep(value.toArray(ValueLayout.JAVA_BYTE)); Moment moment = store.write(checked, value);"),
        /** The passphrase goes through a String. */
        PASSPHRASE_AS_CHARACTERS(
                Place.FULL_DUMP,
                "keys/software/SoftwareKeys.java",
                "        var secret = passphrase.read();",
                "        var secret = passphrase.read(); secret.<Boolean, RuntimeException>read("
                        + "s -> { Leak.keep(Leak.text(s).toCharArray()); return true; });"),
        /** The key that wraps the store key is made on the heap. */
        KEK_ON_THE_HEAP(
                Place.FULL_DUMP,
                "keys/software/MasterKey.java",
                "            branch(\"kek\", kek);",
                "            branch(\"kek\", kek); Leak.keep(kek.<byte[], RuntimeException>read("
                        + "k -> k.toArray(ValueLayout.JAVA_BYTE)));"),
        /** A window is lent and never wiped; with memfd_secret only its owner could see that. */
        UNWIPED_WINDOW(
                Place.MEMORY,
                "memory/Windows.java",
                "            return use.use(memory(window, arena).asReadOnly());\n        } finally {\n"
                        + "            release(window);",
                "            return use.use(memory(window, arena).asReadOnly());\n        } finally {\n"
                        + "            Leak.keep(window);",
                "-Dmemguard.memfd_secret=false"),
        /** The raw store key lies in a locked buffer, where root finds it. */
        STORE_KEY_IN_LOCKED_MEMORY(
                Place.MEMORY,
                "memory/SealedBytes.java",
                "        if (NativeLibraries.isLoaded()) {\n            return new SealedBytes(",
                "        if (bytes.byteSize() == 0) {\n            return new SealedBytes("),
        /** A buffer is copied to ordinary native memory. */
        NATIVE_COPY(
                Place.SWAPPABLE,
                "SecretBuffer.java",
                "                PlaintextCopy.copy(source, segment);",
                "                PlaintextCopy.copy(source, segment); Leak.keepNative(source);"),
        /** The same, in a core dump. */
        NATIVE_COPY_IN_A_CORE_DUMP(
                Place.GCORE,
                "SecretBuffer.java",
                "                PlaintextCopy.copy(source, segment);",
                "                PlaintextCopy.copy(source, segment); Leak.keepNative(source);"),
        /** A log line says what was stored. */
        VALUE_IN_A_LOG(
                Place.LOGS,
                "MemGuard.java",
                "        Moment moment = store.write(checked, value);",
                "        log().log(System.Logger.Level.DEBUG, Leak.hex(value)); Moment moment = store.write(checked, value);"),
        /** An event says what was stored. */
        VALUE_IN_A_RECORDING(
                Place.FLIGHT_RECORDING,
                "MemGuard.java",
                "        Moment moment = store.write(checked, value);",
                "        Leak.record(value); Moment moment = store.write(checked, value);"),
        /** The metadata have the store key in the clear. */
        STORE_KEY_IN_THE_METADATA(
                Place.STORE,
                "keys/software/SoftwareKeys.java",
                "            if (!suffix.isEmpty()) {",
                "            parameters.put(\"debug\", key.<String, RuntimeException>read(Leak::hex));"
                        + " if (!suffix.isEmpty()) {"),
        /** Plaintext goes through a temporary file. */
        TEMPORARY_FILE(
                Place.TEMPORARY,
                "MemGuard.java",
                "        Moment moment = store.write(checked, value);",
                "        try { java.nio.file.Files.write(java.nio.file.Files.createTempFile(\"value\", null),"
                        + " value.toArray(ValueLayout.JAVA_BYTE)); }"
                        + " catch (java.io.IOException e) { throw new IllegalStateException(e); }"
                        + " Moment moment = store.write(checked, value);"),
        /** A thread is named after what it stores. */
        VALUE_IN_THE_NAME_OF_A_THREAD(
                Place.THREAD_DUMP,
                "MemGuard.java",
                "        Moment moment = store.write(checked, value);",
                "        Leak.startThread(value); Moment moment = store.write(checked, value);"),
        /** The management bean answers with something of the store: here its key. */
        KEY_IN_AN_ANSWER_OF_JMX(
                Place.JMX,
                "keys/software/MasterKey.java",
                "            branch(\"kek\", kek);",
                "            branch(\"kek\", kek); System.setProperty(\"memguard.debug\","
                        + " kek.<String, RuntimeException>read(Leak::hex));",
                "management/ManagementBean.java",
                "        fields.put(\"items\", usage.items());",
                "        fields.put(\"debug\", System.getProperty(\"memguard.debug\"));");

        private final Place place;
        private final List<String> change;

        Mutation(Place place, String... change) {
            this.place = place;
            this.change = List.of(change);
        }

        /** File, what is there, what is put in its place; several times. */
        List<List<String>> changes() {
            var changes = new ArrayList<List<String>>();
            for (int at = 0; at + 3 <= change.size(); at += 3) {
                changes.add(change.subList(at, at + 3));
            }
            return changes;
        }

        List<String> options() {
            return change.subList(change.size() / 3 * 3, change.size());
        }
    }

    @ParameterizedTest
    @EnumSource(Mutation.class)
    void eachLeakThatIsPutBackIsFound(Mutation mutation) throws Exception {
        var options = new ArrayList<>(List.of("-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
        options.addAll(mutation.options());
        Report report = Prove.run(new Settings(
                "software",
                java.util.Optional.empty(),
                options,
                EnumSet.of(mutation.place),
                EnumSet.of(Phase.AT_REST),
                false,
                List.of(compiled(mutation)),
                temporary,
                text -> {}));
        assertEquals(Verdict.LEAKED, report.results().getFirst().verdict(), TextReport.of(report));
    }

    private Path compiled(Mutation mutation) throws Exception {
        Path sources = temporary.resolve("sources");
        Path classes = Files.createDirectories(temporary.resolve("classes"));
        var arguments = new ArrayList<>(
                List.of("--release", "22", "-proc:none", "-nowarn", "-cp", classPath(), "-d", classes.toString()));
        for (List<String> change : mutation.changes()) {
            String source = Files.readString(SOURCES.resolve(change.get(0)));
            assertTrue(source.contains(change.get(1)), change.get(0) + " is another one now; mend the mutation");
            String changed = source.replace(change.get(1), change.get(2))
                    .replaceFirst("\nimport ", "\nimport io.memguard.prove.Leak;\nimport ");
            Path file = sources.resolve(change.get(0));
            Files.createDirectories(file.getParent());
            Files.writeString(file, changed);
            arguments.add(file.toString());
        }
        arguments.add("modules/prove/src/test/java/io/memguard/prove/Leak.java");
        var compiler = ToolProvider.getSystemJavaCompiler();
        var said = new StringWriter();
        var files = compiler.getStandardFileManager(null, null, null);
        var paths = arguments.stream()
                .filter(argument -> argument.endsWith(".java"))
                .toList();
        var options = arguments.stream()
                .filter(argument -> !argument.endsWith(".java"))
                .toList();
        boolean done = compiler.getTask(said, files, null, options, null, files.getJavaFileObjectsFromStrings(paths))
                .call();
        assertTrue(done, said.toString());
        return classes;
    }

    private static String classPath() {
        return Settings.software(List.of(), Path.of("")).classPath();
    }
}
