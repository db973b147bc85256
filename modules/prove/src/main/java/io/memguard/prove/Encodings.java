package io.memguard.prove;

import java.io.ByteArrayOutputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;

/** The forms in which a secret may be found, each with how much of it stands for 8 consecutive bytes. */
final class Encodings {
    private static final int WINDOW = 8;

    /** Of longer secrets, all 8 bytes are searched for as they are, and in other forms those at the start. */
    private static final int LONG = 4096;

    /** Of longer secrets, texts in UTF-16 are left out: two bytes of 8 are different in them. */
    private static final int SHORT = 64;

    private Encodings() {}

    /**
     * One form.
     *
     * @param name for the report
     * @param text all of it
     * @param window how many bytes of it must be found
     * @param step between two windows
     */
    @SuppressWarnings("ArrayRecordComponent") // Never compared.
    record Form(String name, byte[] text, int window, int step) {}

    static List<Form> of(byte[] secret) {
        var forms = new ArrayList<Form>();
        int plain = isHexadecimal(secret) ? 2 * WINDOW : WINDOW; // Else half of it is told from any other number.
        forms.add(new Form("raw", secret, plain, 1));
        byte[] begin = secret.length > LONG ? Arrays.copyOf(secret, LONG) : secret;
        String latin = new String(begin, StandardCharsets.ISO_8859_1);
        wide(forms, "", latin, plain, 1);
        text(forms, "hex", HexFormat.of().formatHex(begin), 2 * WINDOW, 2, begin.length);
        text(forms, "HEX", HexFormat.of().withUpperCase().formatHex(begin), 2 * WINDOW, 2, begin.length);
        forms.add(new Form("hex words", words(begin), 2 * WINDOW, 2 * WINDOW));
        for (int before = 0; before < 3; before++) {
            text(forms, "Base64", base64(Base64.getEncoder(), begin, before), 11, 1, begin.length);
            text(forms, "Base64url", base64(Base64.getUrlEncoder(), begin, before), 11, 1, begin.length);
        }
        for (int at = 0; begin.length <= SHORT && at + WINDOW <= begin.length; at++) {
            String list = Arrays.toString(Arrays.copyOfRange(begin, at, at + WINDOW));
            byte[] inner = list.substring(1, list.length() - 1).getBytes(StandardCharsets.US_ASCII);
            forms.add(new Form("decimal", inner, inner.length, 1));
        }
        return forms;
    }

    private static boolean isHexadecimal(byte[] secret) {
        for (byte each : secret) {
            if (Character.digit(each, 16) < 0) {
                return false;
            }
        }
        return true;
    }

    private static void text(List<Form> forms, String name, String text, int window, int step, int secret) {
        forms.add(new Form(name, text.getBytes(StandardCharsets.US_ASCII), window, step));
        if (secret <= SHORT) {
            wide(forms, name + " ", text, window, step);
        }
    }

    private static void wide(List<Form> forms, String name, String text, int window, int step) {
        for (Charset charset : List.of(StandardCharsets.UTF_16LE, StandardCharsets.UTF_16BE)) {
            forms.add(new Form(name + charset.name(), text.getBytes(charset), 2 * window, 2 * step));
        }
    }

    /** As if other bytes stood in front of it, without the characters that these have a part in. */
    private static String base64(Base64.Encoder encoder, byte[] secret, int before) {
        byte[] shifted = new byte[before + secret.length];
        System.arraycopy(secret, 0, shifted, before, secret.length);
        String text = encoder.withoutPadding().encodeToString(shifted);
        return text.substring(before == 0 ? 0 : before + 1, text.length() - (shifted.length % 3 == 0 ? 0 : 1));
    }

    /** As hs_err files show registers and stacks: 8 bytes, the last one first. */
    private static byte[] words(byte[] secret) {
        var out = new ByteArrayOutputStream();
        for (int at = 0; at + WINDOW <= secret.length; at++) {
            long word = 0;
            for (int i = WINDOW - 1; i >= 0; i--) {
                word = (word << 8) | (secret[at + i] & 0xFF);
            }
            out.writeBytes(HexFormat.of().toHexDigits(word).getBytes(StandardCharsets.US_ASCII));
        }
        return out.toByteArray();
    }
}
