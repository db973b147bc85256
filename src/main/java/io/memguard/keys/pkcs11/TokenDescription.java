package io.memguard.keys.pkcs11;

import static io.memguard.ffi.pkcs11.Pkcs11Library.*;

import io.memguard.MemGuardException;
import io.memguard.keys.KeyMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

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
        boolean pinCountLow) {

    /** The modules that this machine has registered with p11-kit, and those at well-known places. */
    public static List<Path> modules() {
        return ModulePath.installed();
    }

    /**
     * The tokens of a module.
     *
     * @throws MemGuardException INVALID_ARGUMENTS where it is no module, KEY_INVALID where it fails
     */
    public static List<TokenDescription> of(Path module) {
        var library = Pkcs11Module.load(module);
        try {
            library.initialize();
            return library.use(() -> Slots.all(library)).stream()
                    .map(found -> of(module, library, found))
                    .toList();
        } catch (CkException e) {
            throw Ckr.failure("the tokens of " + module + " can't be listed", e);
        }
    }

    private static TokenDescription of(Path module, Pkcs11Module library, Slots.Found found) {
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
                info.has(CKF_USER_PIN_COUNT_LOW()));
    }

    /** The URI by which it is found, to be completed with {@code object=} and {@code pin-source=}. */
    public String uri() {
        return "pkcs11:token=" + escape(label) + ";serial=" + escape(serial) + "?module-path="
                + escape(module.toString()).replace("%2F", "/");
    }

    private static String escape(String text) {
        var out = new StringBuilder();
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            char c = (char) (b & 0xff);
            boolean plain = c < 128 && (Character.isLetterOrDigit(c) || "-._~".indexOf(c) >= 0);
            out.append(plain ? String.valueOf(c) : String.format(Locale.ROOT, "%%%02X", (int) c));
        }
        return out.toString();
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
