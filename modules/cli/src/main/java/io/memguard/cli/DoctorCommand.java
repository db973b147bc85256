package io.memguard.cli;

import io.memguard.MemoryPolicy;
import io.memguard.ProcessProtection;
import io.memguard.doctor.Doctor;
import io.memguard.doctor.Finding;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "doctor",
        description = {
            "Look at what protects secrets on this machine, in this process, and in the store where one is given: each thing",
            "as ok, advice or problem, and how to fix it. Exit with 1 where there is a problem. Changes no value."
        })
final class DoctorCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @Option(names = "--json", description = "Print a JSON array.")
    private boolean json;

    @Option(names = "--verify", description = "Open every file of the store, too.")
    private boolean verify;

    @Override
    public Integer call() throws IOException {
        var findings = new ArrayList<>(Doctor.process(main.store().policy()));
        if (main.store().policy() == MemoryPolicy.BEST_EFFORT) {
            ProcessProtection.allowUnlocked(); // For the store that is checked below, as the option says.
        }
        Optional<Path> directory = main.store().directoryIfGiven();
        if (directory.isPresent() || verify) {
            findings.addAll(Doctor.store(
                    main.store().directory(),
                    main.store().provider(false),
                    main.store().records(),
                    verify ? Optional.of(new ProgressBar()) : Optional.empty()));
        }
        String text = json
                ? findings.stream().map(DoctorCommand::json).collect(Collectors.joining(",\n ", "[", "]\n"))
                : findings.stream().map(DoctorCommand::text).collect(Collectors.joining()) + summary(findings);
        Output.print(text.getBytes(StandardCharsets.UTF_8));
        return count(findings, Finding.Level.PROBLEM) > 0 ? 1 : 0;
    }

    private static String text(Finding finding) {
        String line = String.format("%-7s  %s: %s\n", word(finding.level()), finding.subject(), finding.observation());
        return Json.escapeControls(line.strip()) + "\n"
                + (finding.remedy().isEmpty() ? "" : "         fix: " + Json.escapeControls(finding.remedy()) + "\n");
    }

    private static String json(Finding finding) {
        return "{\"level\": " + Json.quote(word(finding.level()))
                + ", \"subject\": " + Json.quote(finding.subject())
                + ", \"observation\": " + Json.quote(finding.observation())
                + ", \"remedy\": " + Json.quote(finding.remedy()) + "}";
    }

    private static String summary(List<Finding> findings) {
        return count(findings, Finding.Level.OK) + " ok, " + count(findings, Finding.Level.ADVICE) + " advice, "
                + count(findings, Finding.Level.PROBLEM) + " problems\n";
    }

    private static long count(List<Finding> findings, Finding.Level level) {
        return findings.stream().filter(finding -> finding.level() == level).count();
    }

    private static String word(Finding.Level level) {
        return level.name().toLowerCase(Locale.ROOT);
    }
}
