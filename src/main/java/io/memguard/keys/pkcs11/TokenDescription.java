package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.*;

import io.memguard.MemGuardException;
import io.memguard.keys.KeyMode;
import io.memguard.os.Posix;
import io.memguard.os.UserDirectory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A token that can be seen on this machine, without a PIN.
 *
 * @param module the library that reaches it
 * @param label its name; empty where it is not initialized
 * @param serial its serial number
 * @param model its maker and model
 * @param makes the modes for which it makes a key itself
 * @param serves the modes that it can serve, with a key that other tools may have to make
 * @param initialized whether it can be used at all
 * @param pinLocked whether wrong PINs have locked it
 * @param pinCountLow whether a wrong PIN was given since the last right one, where the token tells
 * @param uri by which it is found, to be completed with {@code object=} and {@code pin-source=}
 */
public record TokenDescription(
        Path module,
        String label,
        String serial,
        String model,
        Set<KeyMode> makes,
        Set<KeyMode> serves,
        boolean initialized,
        boolean pinLocked,
        boolean pinCountLow,
        String uri) {

    /** The modules that this machine has registered with p11-kit, and those at well-known places. */
    public static List<Path> modules() {
        return ModulePath.installed();
    }

    /** Where hashes of refused PINs of this user may be. */
    public static List<Path> refusedPins() {
        return UserDirectory.candidates(Posix.effectiveUser());
    }

    /** The same files, each once where several paths lead to it. */
    public static List<Path> distinct(List<Path> modules) {
        return ModulePath.distinct(modules);
    }

    /**
     * The tokens of a module.
     *
     * @throws MemGuardException INVALID_ARGUMENTS where it is no module, KEY_INVALID where it fails
     */
    public static List<TokenDescription> of(Path module) {
        return of(module, SlotFinder::all);
    }

    /** Those tokens of a module that a URI fits. Errors as by {@link #of(Path)}. */
    public static List<TokenDescription> of(Path module, Pkcs11Uri uri) {
        return of(module, library -> SlotFinder.all(library, uri));
    }

    private static List<TokenDescription> of(Path module, Function<Pkcs11Module, List<SlotFinder.Found>> slots) {
        var library = Pkcs11Module.load(module);
        try {
            library.initialize();
            return library.use(() -> slots.apply(library)).stream()
                    .map(found -> of(module, library, found))
                    .toList();
        } catch (CkException e) {
            throw ReturnValues.failure("the tokens of " + module + " can't be listed", e);
        }
    }

    private static TokenDescription of(Path module, Pkcs11Module library, SlotFinder.Found found) {
        TokenInfo info = found.info();
        return new TokenDescription(
                module,
                info.label(),
                info.serial(),
                (info.manufacturer() + " " + info.model()).strip(),
                TokenModes.makeable(library, found.slot()),
                TokenModes.usable(library, found.slot()),
                info.isInitialized(),
                info.has(CKF_USER_PIN_LOCKED()),
                info.has(CKF_USER_PIN_COUNT_LOW()),
                uri(module, info.names()));
    }

    /** A name that is no text can't stand in a URI: then the others have to do. */
    private static String uri(Path module, TokenInfo.Names names) {
        String path = Stream.of(Map.entry("token=", names.label()), Map.entry("serial=", names.serial()))
                .flatMap(name -> name.getValue().inUri().map(name.getKey()::concat).stream())
                .collect(Collectors.joining(";"));
        byte[] file = module.toString().getBytes(StandardCharsets.UTF_8);
        return "pkcs11:" + path + "?module-path=" + Padded.escape(file).replace("%2F", "/");
    }

    /** Whether both say the same, whatever module they were reached by. */
    public boolean isSameToken(TokenDescription other) {
        return initialized
                && label.equals(other.label)
                && serial.equals(other.serial)
                && model.equals(other.model)
                && makes.equals(other.makes)
                && serves.equals(other.serves)
                && other.initialized;
    }

    /** For people: what it can do, and what is in the way. */
    public String summary() {
        if (!initialized) {
            return "not initialized";
        }
        String modes = serves.isEmpty()
                ? "serves no mode"
                : serves.stream()
                        .map(mode -> mode.name().toLowerCase(Locale.ROOT)
                                + (makes.contains(mode) ? "" : " (with a key made by its own tools)"))
                        .collect(Collectors.joining(", "));
        return modes + (pinLocked ? "; PIN LOCKED" : pinCountLow ? "; a wrong PIN was given last" : "");
    }
}
