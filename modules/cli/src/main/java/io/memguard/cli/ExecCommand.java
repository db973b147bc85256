package io.memguard.cli;

import io.memguard.MemGuard;
import io.memguard.OpenMode;
import io.memguard.cli.exec.ChildDescriptors;
import io.memguard.cli.exec.EnvironmentBlock;
import io.memguard.cli.exec.ProcessImage;
import io.memguard.os.ResourceLimits;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

@Command(
        name = "exec",
        description = {
            "Run a command with secrets, in the place of memguard: same process, nothing of memguard is left in it.",
            "Prefer --fd and --credential: an environment shows in /proc and passes on to all that the command runs.",
            "Exit with the command's status; 126 where it can't be run, 127 where it is not found."
        })
final class ExecCommand implements Callable<Integer> {
    private static final int CANNOT_RUN = 126;
    private static final int NOT_FOUND = 127;
    private static final int FIRST_PASSED = 3; // sd_listen_fds(3)

    @Spec
    private CommandSpec spec;

    @ParentCommand
    private Main main;

    @Option(names = "--env", paramLabel = "NAME=SECRET", description = "Give a secret as an environment variable.")
    private List<String> variables = List.of();

    @Option(
            names = "--fd",
            paramLabel = "N=SECRET",
            description = "Give a secret as a pipe on file descriptor N (0 is standard input), to be read once.")
    private List<String> pipes = List.of();

    @Option(
            names = "--memfd",
            paramLabel = "N=SECRET",
            description = "Give it as a file in memory on N instead: of any size, readable again, may be swapped.")
    private List<String> files = List.of();

    @Option(
            names = "--credential",
            paramLabel = "ID=SECRET",
            description = {
                "Give it as a systemd credential: the file ID in $$CREDENTIALS_DIRECTORY, which leads to a file in",
                "memory. The links are in $$XDG_RUNTIME_DIR, $$RUNTIME_DIRECTORY, or /dev/shm."
            })
    private List<String> credentials = List.of();

    @Option(
            names = "--keep-fd",
            paramLabel = "N",
            description = "Pass file descriptor N on. Else only 0 to 2 and those of $$LISTEN_FDS are.")
    private List<Integer> kept = List.of();

    @Parameters(arity = "1..*", paramLabel = "COMMAND", description = "The command and its arguments.")
    private List<String> command;

    /** Options by what they are for; each name to the name of the secret. */
    private record Wanted(
            Map<String, String> variables,
            Map<Integer, String> pipes,
            Map<Integer, String> files,
            Map<String, String> credentials) {}

    @Override
    public Integer call() throws IOException {
        var wanted = wanted();
        var numbers = new HashSet<>(wanted.pipes().keySet());
        numbers.addAll(wanted.files().keySet());
        var descriptors = new ChildDescriptors(numbers);
        kept.forEach(descriptors::keep);
        keepPassed(descriptors);
        EnvironmentBlock environment;
        try (MemGuard guard = main.store().open(OpenMode.EXISTING)) {
            if (!hasAll(guard, wanted)) {
                return 1;
            }
            environment = environment(guard, wanted, descriptors);
        } // All of memguard's plaintext is wiped by now but for the block.
        try (environment) {
            restoreCoreLimit();
            ProcessImage.replace(command, environment, descriptors);
            throw new AssertionError("it returned");
        } catch (ProcessImage.NotRunException e) {
            System.err.println("memguard: " + Json.escapeControls(String.valueOf(e.getMessage())));
            return e.missing ? NOT_FOUND : CANNOT_RUN;
        }
    }

    private Wanted wanted() {
        var wanted = new Wanted(
                pairs("--env", variables, "[A-Za-z_][A-Za-z0-9_]*", text -> text),
                pairs("--fd", pipes, "0|[1-9][0-9]{0,6}", Integer::valueOf),
                pairs("--memfd", files, "0|[1-9][0-9]{0,6}", Integer::valueOf),
                pairs("--credential", credentials, "[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}", text -> text));
        for (var numbers : List.of(wanted.pipes(), wanted.files())) {
            for (int number : numbers.keySet()) {
                if (number == 1
                        || number == 2
                        || kept.contains(number)
                        || (wanted.pipes().containsKey(number) && wanted.files().containsKey(number))) {
                    throw usage("descriptor " + number + " is taken; give the secret another number from 3 on, or 0");
                }
            }
        }
        boolean none = variables.isEmpty() && pipes.isEmpty() && files.isEmpty() && credentials.isEmpty();
        if (none) {
            throw usage("which secrets? give --env, --fd, --memfd or --credential");
        }
        return wanted;
    }

    private interface Reading<T> {
        T of(String text);
    }

    /** The parts of a pair are not repeated: a value may have been given by mistake. */
    private <T> Map<T, String> pairs(String option, List<String> pairs, String form, Reading<T> reading) {
        var map = new LinkedHashMap<T, String>();
        for (String pair : pairs) {
            int equals = pair.indexOf('=');
            if (equals < 0 || !pair.substring(0, equals).matches(form)) {
                throw usage(option + " takes " + spec.findOption(option).paramLabel() + ", where "
                        + (option.endsWith("fd")
                                ? "N is 0, or a number from 3 on"
                                : "the first part is a name of letters, digits and _"));
            }
            if (map.put(reading.of(pair.substring(0, equals)), pair.substring(equals + 1)) != null) {
                throw usage(option + " " + pair.substring(0, equals) + " is given twice");
            }
        }
        return map;
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    /** Sockets that systemd passed to this process, which will be the command's; see sd_listen_fds(3). */
    private static void keepPassed(ChildDescriptors descriptors) {
        String count = System.getenv("LISTEN_FDS");
        String process = System.getenv("LISTEN_PID");
        if (count != null
                && count.matches("[0-9]{1,3}")
                && Long.toString(ProcessHandle.current().pid()).equals(process)) {
            for (int i = 0; i < Integer.parseInt(count); i++) {
                descriptors.keep(FIRST_PASSED + i);
            }
        }
    }

    /** What is missing is told by what it was for: names of secrets are never printed. */
    private static boolean hasAll(MemGuard guard, Wanted wanted) {
        var missing = new StringBuilder();
        note(guard, wanted.variables(), "--env", missing);
        note(guard, wanted.pipes(), "--fd", missing);
        note(guard, wanted.files(), "--memfd", missing);
        note(guard, wanted.credentials(), "--credential", missing);
        if (!missing.isEmpty()) {
            System.err.println("memguard: not found: the secret of" + missing);
        }
        return missing.isEmpty();
    }

    private static void note(MemGuard guard, Map<?, String> names, String option, StringBuilder missing) {
        names.forEach((key, name) -> {
            if (!guard.contains(name)) {
                missing.append(missing.isEmpty() ? " " : ", ")
                        .append(option)
                        .append(' ')
                        .append(key);
            }
        });
    }

    private static EnvironmentBlock environment(MemGuard guard, Wanted wanted, ChildDescriptors descriptors)
            throws IOException {
        for (var pipe : wanted.pipes().entrySet()) {
            give(guard, pipe.getValue(), value -> descriptors.addPipe(pipe.getKey(), value));
        }
        for (var file : wanted.files().entrySet()) {
            give(guard, file.getValue(), value -> descriptors.addFile(file.getKey(), value));
        }
        var links = new LinkedHashMap<String, Integer>();
        for (var credential : wanted.credentials().entrySet()) {
            int free = descriptors.reserve();
            give(guard, credential.getValue(), value -> descriptors.addFile(free, value));
            links.put(credential.getKey(), free);
        }
        var plain = new HashMap<String, String>();
        if (!links.isEmpty()) {
            plain.put("CREDENTIALS_DIRECTORY", CredentialLinks.make(links).toString());
        }
        var names = List.copyOf(wanted.variables().keySet());
        return guard.readAll(List.copyOf(wanted.variables().values()), lent -> {
            var values = new LinkedHashMap<String, MemorySegment>();
            for (int i = 0; i < lent.size(); i++) {
                values.put(names.get(i), lent.get(i));
            }
            return EnvironmentBlock.with(values, plain);
        });
    }

    private interface Giver {
        void give(MemorySegment value) throws IOException;
    }

    private static void give(MemGuard guard, String name, Giver giver) throws IOException {
        guard.<Boolean, IOException>read(name, value -> {
            giver.give(value);
            return true;
        });
    }

    /** The launcher forbids core dumps of memguard; the command's are its own affair. */
    private static void restoreCoreLimit() {
        String limit = System.getenv(EnvironmentBlock.CORE_LIMIT);
        if (limit != null && limit.matches("unlimited|[0-9]{1,15}")) {
            ResourceLimits.setCoreDump(
                    limit.equals("unlimited") ? ResourceLimits.UNLIMITED : Long.parseLong(limit) * 1024);
        }
    }
}
