package io.memguard.keys.pkcs11;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Finds a token by what it says about itself: numbers of slots change from one start to the next. */
final class SlotFinder {
    private SlotFinder() {}

    /** A slot with a token in it. */
    record Found(long slot, TokenInfo info) {}

    /** All that can be asked; to be called inside {@link Pkcs11Module#use}. */
    static List<Found> all(Pkcs11Module module) {
        var found = new ArrayList<Found>();
        for (long slot : module.functions().slots(true)) {
            try {
                found.add(new Found(slot, module.functions().tokenInfo(slot)));
            } catch (CkException e) {
                if (ReturnValues.mayBeBroken(e.rv())) {
                    throw e;
                }
                // A slot whose token has been taken out.
            }
        }
        return found;
    }

    /**
     * The one that fits. Some libraries look for tokens at their start only, so where there is none, it is restarted.
     *
     * @throws MemGuardException KEY_INVALID where there is none, INVALID_ARGUMENTS where there are several
     */
    static Found find(Pkcs11Module module, Pkcs11Uri uri) {
        var found = fitting(module, uri);
        if (found.isEmpty() && module.restart()) {
            found = fitting(module, uri);
        }
        return found.orElseThrow(() -> {
            String seen = String.join(
                    ", ",
                    module.use(() -> all(module)).stream()
                            .map(one -> one.info().name())
                            .toList());
            return ReturnValues.keyInvalid(
                    "no token in " + module.file() + " fits the URI; there are: " + (seen.isEmpty() ? "none" : seen)
                            + " (see 'memguard token list')",
                    null);
        });
    }

    private static Optional<Found> fitting(Pkcs11Module module, Pkcs11Uri uri) {
        List<Found> fitting = module.use(() -> all(module, uri));
        if (fitting.size() > 1) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    fitting.size() + " tokens fit the URI; add token= or serial= to it (see 'memguard token list')");
        }
        return fitting.stream().findFirst();
    }

    /** Those that a URI fits, initialized; to be called inside {@link Pkcs11Module#use}. */
    static List<Found> all(Pkcs11Module module, Pkcs11Uri uri) {
        return libraryFits(module.functions(), uri)
                ? all(module).stream()
                        .filter(found -> tokenFits(uri, found) && slotFits(module.functions(), uri, found.slot()))
                        .toList()
                : List.of();
    }

    private static boolean tokenFits(Pkcs11Uri uri, Found found) {
        var names = found.info().names();
        return found.info().isInitialized()
                && uri.fits("token", names.label().bytes())
                && uri.fits("serial", names.serial().bytes())
                && uri.fits("manufacturer", names.manufacturer().bytes())
                && uri.fits("model", names.model().bytes())
                && uri.get("slot-id")
                        .map(Long::valueOf)
                        .map(id -> id == found.slot())
                        .orElse(true);
    }

    private static boolean slotFits(Cryptoki functions, Pkcs11Uri uri, long slot) {
        return !uri.says("slot-description", "slot-manufacturer")
                || functions
                        .slot(slot)
                        .filter(info -> uri.fits(
                                        "slot-description", info.description().bytes())
                                && uri.fits(
                                        "slot-manufacturer", info.manufacturer().bytes()))
                        .isPresent();
    }

    /** A version without its second number has the second number 0, by the RFC. */
    private static boolean libraryFits(Cryptoki functions, Pkcs11Uri uri) {
        if (!uri.says("library-manufacturer", "library-description", "library-version")) {
            return true;
        }
        return functions
                .library()
                .filter(info -> uri.fits(
                                "library-manufacturer", info.manufacturer().bytes())
                        && uri.fits("library-description", info.description().bytes())
                        && uri.get("library-version")
                                .map(text -> (text.contains(".") ? text : text + ".0").split("[.]"))
                                .map(parts -> Integer.parseInt(parts[0]) == info.major()
                                        && Integer.parseInt(parts[1]) == info.minor())
                                .orElse(true))
                .isPresent();
    }
}
