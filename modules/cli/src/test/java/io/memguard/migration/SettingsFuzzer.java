package io.memguard.migration;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;

/** A configuration file (P properties, Y YAML, else by what is in it): each name once, or refused without quoting it. */
public final class SettingsFuzzer {
    private static final SecretBuffer PASSWORD = SecretBuffer.consume("jpw".getBytes(StandardCharsets.US_ASCII));
    private static final JasyptFile.Scheme SCHEME = new JasyptFile.Scheme("PBEWithMD5AndDES", 1);

    private SettingsFuzzer() {}

    /** Called by Jazzer. */
    public static void fuzzerTestOneInput(byte[] input) {
        takes(input);
    }

    /** Whether it was read. */
    public static boolean takes(byte[] input) {
        var format = input.length == 0 ? 'P' : input[0];
        byte[] file = input.length == 0 ? input : Arrays.copyOfRange(input, 1, input.length);
        var source = new JasyptFile.Source(
                "file", file, format == 'P' ? Format.PROPERTIES : format == 'Y' ? Format.YAML : Format.BY_NAME, 0);
        try {
            var read = JasyptFile.read(source, PASSWORD, SCHEME);
            var names = new HashSet<String>();
            for (Entry entry : read.entries()) {
                assertTrue(names.add(entry.name()), "a name that occurs twice");
                assertTrue(entry.place().matches("line [1-9][0-9]*"), entry.place());
            }
            assertTrue(read.leftOut().stream().allMatch(line -> line > 0));
            return true;
        } catch (MemGuardException e) {
            assertEquals(ErrorCode.INVALID_ARGUMENTS, e.code());
            assertTrue(String.valueOf(e.getMessage()).chars().noneMatch(Character::isISOControl), "one line");
            return false;
        }
    }
}
