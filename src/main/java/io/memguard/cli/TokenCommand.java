package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyMode;
import io.memguard.keys.pkcs11.TokenDescription;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(name = "token", description = "Look at the PKCS #11 tokens of this machine.", synopsisSubcommandLabel = "list")
final class TokenCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "say what to do: token list");
    }

    @Command(name = "list", description = "Print each token's URI and which mode it can serve; asks for no PIN.")
    int list(
            @Option(
                            names = "--module",
                            paramLabel = "FILE",
                            description = "Ask this PKCS #11 library only; else all that are installed.")
                    List<Path> modules,
            @Option(names = "--json", description = "Print a JSON array.") boolean json)
            throws IOException {
        boolean chosen = modules != null;
        List<TokenDescription> tokens = new ArrayList<>();
        for (Path module : chosen ? modules : TokenDescription.modules()) {
            try {
                tokens.addAll(TokenDescription.of(module.toAbsolutePath()));
            } catch (MemGuardException e) {
                if (chosen) {
                    throw e;
                }
                System.err.println("memguard: " + Json.escapeControls(String.valueOf(e.getMessage())));
            }
        }
        if (tokens.isEmpty() && !json) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "no token was found; install the token's PKCS #11 module, or name it with --module");
        }
        String text = json
                ? tokens.stream().map(TokenCommand::json).collect(Collectors.joining(", ", "[", "]\n"))
                : tokens.stream().map(TokenCommand::text).collect(Collectors.joining());
        Output.print(text.getBytes(StandardCharsets.UTF_8));
        return 0;
    }

    private static String text(TokenDescription token) {
        return (token.initialized() ? token.uri() : token.module() + ": a slot") + "\n    "
                + Json.escapeControls(token.model()) + ": " + token.summary() + "\n";
    }

    private static String json(TokenDescription token) {
        return "{\"uri\": " + Json.quote(token.uri())
                + ", \"module\": " + Json.quote(token.module().toString())
                + ", \"label\": " + Json.quote(token.label())
                + ", \"serial\": " + Json.quote(token.serial())
                + ", \"model\": " + Json.quote(token.model())
                + ", \"initialized\": " + token.initialized()
                + ", \"makes\": " + modes(token.makes())
                + ", \"serves\": " + modes(token.serves())
                + ", \"pin_locked\": " + token.pinLocked()
                + ", \"pin_count_low\": " + token.pinCountLow() + "}";
    }

    private static String modes(Set<KeyMode> modes) {
        return modes.stream()
                .map(mode -> Json.quote(mode.name().toLowerCase(Locale.ROOT)))
                .collect(Collectors.joining(", ", "[", "]"));
    }
}
