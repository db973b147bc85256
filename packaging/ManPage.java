import io.memguard.cli.Main;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * Prints memguard(1) in the language of man(7), from what picocli knows of the commands: one page for all of them.
 *
 * <p>Run by packaging/build.sh as a source file: {@code java -cp JARS ManPage.java VERSION DATE}.
 */
final class ManPage {
    private final StringBuilder page = new StringBuilder();

    private ManPage() {}

    public static void main(String[] arguments) {
        CommandLine line = new Main().allCommands();
        System.out.print(new ManPage().of(line.getCommandSpec(), arguments[0], arguments[1]));
    }

    private String of(CommandSpec memguard, String version, String date) {
        line(".TH MEMGUARD 1 \"" + date + "\" \"memguard " + version + "\" \"User Commands\"");
        line(".nh"); // Names are searched for whole.
        section("NAME");
        text("memguard - " + summary(memguard).replaceFirst("\\.$", ""));
        section("SYNOPSIS");
        line(".B memguard");
        text("COMMAND [OPTIONS]");
        section("DESCRIPTION");
        text(String.join(" ", memguard.usageMessage().description()));
        text("Values come from standard input, a file or a prompt, never from arguments. "
                + "The store is named by --dir, or by MEMGUARD_DIR in the environment.");
        section("COMMANDS");
        commands(memguard, "");
        section("OPTIONS");
        text("Of every command:");
        memguard.options().forEach(this::option);
        section("EXIT STATUS");
        text(String.join(" ", memguard.usageMessage().footer()).strip().replaceFirst("^Exit status: ", ""));
        section("ENVIRONMENT");
        term("MEMGUARD_DIR", "The directory of the store, where --dir does not name one.");
        term("MEMGUARD_KEYS", "The key provider, where --keys does not name it.");
        term("MEMGUARD_PASSPHRASE_FILE", "The file with the passphrase, where no option names a source.");
        term("MEMGUARD_NATIVE_DIRECTORY", "A directory with the native libraries, in place of the installed ones.");
        term("MEMGUARD_SODIUM_LIBRARY", "A libsodium.so.26 (1.0.19 or later), in place of the installed one.");
        term("JAVA_HOME", "The Java to run on: 22 or later; else the newest one that is found.");
        return page.toString();
    }

    private void commands(CommandSpec parent, String before) {
        for (CommandLine command : parent.subcommands().values()) {
            CommandSpec spec = command.getCommandSpec();
            if (spec.usageMessage().hidden()) {
                continue;
            }
            String name = before + spec.name();
            line(".SS " + escape(name + parameters(spec)));
            text(String.join(" ", spec.usageMessage().description()));
            spec.positionalParameters().stream().filter(p -> !p.hidden()).forEach(this::parameter);
            spec.options().stream()
                    .filter(option -> !option.inherited() && !option.usageHelp() && !option.versionHelp())
                    .forEach(this::option);
            commands(spec, name + " ");
        }
    }

    private static String parameters(CommandSpec spec) {
        var names = new ArrayList<String>();
        for (PositionalParamSpec parameter : spec.positionalParameters()) {
            if (parameter.hidden()) {
                continue;
            }
            String label = parameter.paramLabel() + (parameter.arity().max() > 1 ? "..." : "");
            names.add(parameter.required() ? " " + label : " [" + label + "]");
        }
        return String.join("", names);
    }

    private void parameter(PositionalParamSpec parameter) {
        term(parameter.paramLabel(), String.join(" ", parameter.description()));
    }

    private void option(OptionSpec option) {
        if (!option.hidden()) {
            String value = option.arity().max() == 0 ? "" : " " + option.paramLabel();
            term(String.join(", ", List.of(option.names())) + value, String.join(" ", option.description()));
        }
    }

    private static String summary(CommandSpec spec) {
        return String.join(" ", spec.usageMessage().description());
    }

    private void section(String name) {
        line(".SH \"" + name + "\"");
    }

    private void term(String term, String meaning) {
        line(".TP");
        line(".B " + escape(term));
        text(meaning);
    }

    /** A paragraph of its own; picocli's markup is taken out. */
    private void text(String words) {
        String plain = Ansi.OFF.string(words).replace("%n", " ").replace("%%", "%").strip();
        String escaped = escape(plain);
        line(escaped.startsWith(".") || escaped.startsWith("'") ? "\\&" + escaped : escaped);
        if (page.indexOf(".TP", Math.max(0, page.length() - escaped.length() - 200)) < 0) {
            line(".PP");
        }
    }

    private static String escape(String text) {
        return text.replace("\\", "\\e").replace("-", "\\-").replace("\"", "\\(dq");
    }

    private void line(String line) {
        page.append(line).append('\n');
    }
}
