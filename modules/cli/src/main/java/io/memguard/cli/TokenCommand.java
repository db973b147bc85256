package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyMode;
import io.memguard.keys.pkcs11.Pkcs11Uri;
import io.memguard.keys.pkcs11.TokenDescription;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

@Command(name = "token", description = "Look at the PKCS #11 tokens of this machine.", synopsisSubcommandLabel = "list")
final class TokenCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @ParentCommand
    private Main main;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "missing subcommand: list");
    }

    @Command(
            name = "list",
            description = {
                "Print each token's URI and which mode it can serve; asks for no PIN.",
                "With --keys pkcs11:... only the tokens that this URI fits."
            })
    int list(
            @Option(
                            names = "--module",
                            paramLabel = "FILE",
                            description = "Ask this PKCS #11 library only; else all that are installed.")
                    List<Path> modules,
            @Option(names = "--json", description = "Print a JSON array.") boolean json)
            throws IOException {
        var tokens = new ArrayList<TokenDescription>();
        for (TokenDescription token :
                found(modules == null ? List.of() : modules, main.store().tokens())) {
            if (tokens.stream().noneMatch(token::isSameToken)) {
                tokens.add(token);
            }
        }
        if (tokens.isEmpty() && !json) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    main.store().tokens().isEmpty()
                            ? "no token was found; install the token's PKCS #11 module, or name it with --module"
                            : "no token fits --keys; without that option all are listed");
        }
        String text = json
                ? tokens.stream().map(TokenCommand::json).collect(Collectors.joining(", ", "[", "]\n"))
                : tokens.stream().map(TokenCommand::text).collect(Collectors.joining());
        Output.print(text.getBytes(StandardCharsets.UTF_8));
        return 0;
    }

    /** Of the chosen modules, or of all; where there are URIs, those that one of them fits. */
    private static List<TokenDescription> found(List<Path> chosen, List<Pkcs11Uri> uris) {
        List<Path> modules = TokenDescription.distinct(chosen.isEmpty() ? TokenDescription.modules() : chosen);
        if (uris.isEmpty()) {
            return tokens(modules, !chosen.isEmpty(), TokenDescription::of);
        }
        var tokens = new ArrayList<TokenDescription>();
        for (Pkcs11Uri uri : uris) {
            var named = uri.module();
            tokens.addAll(tokens(
                    named.map(List::of).orElse(modules),
                    named.isPresent() || !chosen.isEmpty(),
                    module -> TokenDescription.of(module, uri)));
        }
        return tokens;
    }

    private static List<TokenDescription> tokens(
            List<Path> modules, boolean chosen, Function<Path, List<TokenDescription>> look) {
        var tokens = new ArrayList<TokenDescription>();
        for (Path module : modules) {
            try {
                tokens.addAll(look.apply(module.toAbsolutePath()));
            } catch (MemGuardException e) {
                if (chosen) {
                    throw e;
                }
                System.err.println("memguard: " + Json.escapeControls(String.valueOf(e.getMessage())));
            }
        }
        return tokens;
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
