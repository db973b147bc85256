package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.SecretSource;
import io.memguard.keys.software.SoftwareKeys;
import java.nio.file.Path;

/** Makes a provider out of what {@code --keys} says. */
final class Keys {
    private Keys() {}

    static KeyProvider of(String text, SecretSource secret) {
        if (text.equals(SoftwareKeys.TYPE)) {
            return SoftwareKeys.passphrase(secret);
        }
        if (text.startsWith(SoftwareKeys.TYPE + ":")) {
            return SoftwareKeys.passphrase(secret).container(Path.of(text.substring(SoftwareKeys.TYPE.length() + 1)));
        }
        throw new MemGuardException(
                ErrorCode.INVALID_ARGUMENTS, "--keys takes 'software' or 'software:FILE', not '" + text + "'");
    }
}
