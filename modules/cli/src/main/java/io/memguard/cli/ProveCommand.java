package io.memguard.cli;

import io.memguard.prove.HtmlReport;
import io.memguard.prove.Phase;
import io.memguard.prove.Place;
import io.memguard.prove.Prove;
import io.memguard.prove.Report;
import io.memguard.prove.Settings;
import io.memguard.prove.TextReport;
import io.memguard.prove.Verdict;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

@Command(
        name = "prove",
        description = {
            "Start JVMs that do everything with a store of random secrets, and look for these in their memory, dumps, logs",
            "and files. A table tells what was found; exit with 1 where a secret was. Touches no store of yours; with --keys",
            "pkcs11:... it makes a key in the token and deletes it: take a token for tests, with a random PIN of 12 characters",
            "or more. Needs a few hundred megabytes of disk for some minutes, more for a JVM of gigabytes."
        })
final class ProveCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @ParentCommand
    private Main main;

    @Option(names = "--json", description = "Print a JSON object.")
    private boolean json;

    @Option(names = "--html", paramLabel = "FILE", description = "Write a page for people to read, too, with --peers.")
    private @Nullable Path html;

    @Option(
            names = "--peers",
            description = "Look at the same values in a String, a byte[], a KeyStore and Asherah, too.")
    private boolean peers;

    @Option(
            names = "--peer-class-path",
            paramLabel = "JARS",
            description = "Where Asherah's securememory and its libraries are.")
    private String peerClassPath = "";

    @Option(
            names = "--work",
            paramLabel = "DIR",
            description = "Where dumps are written; else the temporary directory.")
    private @Nullable Path work;

    @Parameters(
            paramLabel = "-- JVM-OPTION",
            description = "The options of your service's JVM, such as: -- -XX:+UseZGC -Xmx2g")
    private List<String> options = List.of();

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (options.stream().anyMatch(option -> !option.startsWith("-"))) {
            throw new ParameterException(spec.commandLine(), "after -- go options of the JVM, each with its dash");
        }
        Path folder = work != null ? work : Path.of(System.getProperty("java.io.tmpdir", "/tmp"));
        var settings = new Settings(
                main.store().provable(),
                main.store().pin(),
                options,
                EnumSet.allOf(Place.class),
                EnumSet.allOf(Phase.class),
                peers || html != null,
                Arrays.stream(peerClassPath.split(File.pathSeparator))
                        .filter(entry -> !entry.isEmpty())
                        .map(Path::of)
                        .toList(),
                folder,
                progress());
        Report report = Prove.run(settings);
        if (html != null) {
            Files.writeString(html, HtmlReport.of(report));
        }
        String text = json ? ProveJson.of(report) : TextReport.of(report);
        Output.print(text.getBytes(StandardCharsets.UTF_8));
        return report.count(Verdict.LEAKED) > 0 ? 1 : 0;
    }

    /** A line that is written over, on a terminal only. */
    private static Consumer<String> progress() {
        return io.memguard.os.Terminal.is(2) ? text -> System.err.print("\r\033[K" + text) : text -> {};
    }
}
