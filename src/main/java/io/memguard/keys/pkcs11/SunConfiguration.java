package io.memguard.keys.pkcs11;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.os.UserFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a configuration file of SunPKCS11 says about where the token is; its other lines are SunPKCS11's business. */
record SunConfiguration(Path library, Optional<Long> slot, Optional<Integer> slotListIndex) {
    private static final int MAX_SIZE = 1 << 16;
    private static final Pattern LINE = Pattern.compile("(library|slot|slotListIndex)\\s*=\\s*\"?([^\"\\n]+?)\"?\\s*");

    static SunConfiguration read(Path file) {
        try {
            Optional<Path> library = Optional.empty();
            Optional<Long> slot = Optional.empty();
            Optional<Integer> index = Optional.empty();
            for (String line : text(UserFile.read(file, MAX_SIZE)).lines().toList()) {
                Matcher matcher = LINE.matcher(line.strip());
                if (matcher.matches()) {
                    String value = matcher.group(2);
                    switch (matcher.group(1)) {
                        case "library" -> library = Optional.of(UserFile.path(value));
                        case "slot" -> slot = Optional.of(Long.decode(value));
                        default -> index = Optional.of(Integer.valueOf(value));
                    }
                }
            }
            if (library.isEmpty() || !library.get().isAbsolute()) {
                throw bad(file, "it has no line 'library = /path'");
            }
            return new SunConfiguration(library.get(), slot, index);
        } catch (NumberFormatException e) {
            throw bad(file, "its slot is not a number");
        } catch (IOException e) {
            throw bad(file, e instanceof NoSuchFileException ? "it is not there" : String.valueOf(e.getMessage()));
        }
    }

    private static String text(byte[] bytes) throws IOException {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new IOException("it is not UTF-8", e);
        }
    }

    private static MemGuardException bad(Path file, String why) {
        return new MemGuardException(
                ErrorCode.INVALID_ARGUMENTS, "the SunPKCS11 configuration " + file + " can't be used: " + why);
    }

    /** SunPKCS11 takes the first slot where none is given. */
    Pkcs11Uri uri(String label) {
        long number = slot.orElseGet(() -> {
            var module = Pkcs11Module.load(library);
            long[] slots = module.use(() -> module.functions().slots(false)); // It counts empty ones, too.
            int index = slotListIndex.orElse(0);
            if (index < 0 || index >= slots.length) {
                throw ReturnValues.keyInvalid(
                        library + " has " + slots.length + " slots, and none of index " + index, null);
            }
            return slots[index];
        });
        return Pkcs11Uri.parse(
                "pkcs11:slot-id=" + number + ";object=" + escape(label) + "?module-path=" + escape(library.toString()));
    }

    private static String escape(String text) {
        var out = new StringBuilder();
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            out.append(String.format(java.util.Locale.ROOT, "%%%02X", b));
        }
        return out.toString();
    }
}
