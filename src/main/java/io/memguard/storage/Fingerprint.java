package io.memguard.storage;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * Which of all the contents that a file ever had: the IV and the tag of its sealed text. Each sealing takes a random IV, and
 * no process without the key can make another text with this IV and tag.
 *
 * @param hex of {@link #SIZE} bytes
 */
public record Fingerprint(String hex) {
    private static final int IV = 12;
    private static final int TAG = 16;
    public static final int SIZE = IV + TAG;

    /** There is no such file. */
    public static final Fingerprint ABSENT = new Fingerprint("00".repeat(SIZE));

    /** It is nothing that was ever sealed. */
    public static final Fingerprint DAMAGED = new Fingerprint("ff".repeat(SIZE));

    public static Fingerprint of(MemorySegment sealed) {
        long size = sealed.byteSize();
        if (size < SIZE) {
            return DAMAGED;
        }
        return new Fingerprint(HexFormat.of().formatHex(sealed.asSlice(0, IV).toArray(ValueLayout.JAVA_BYTE))
                + HexFormat.of().formatHex(sealed.asSlice(size - TAG).toArray(ValueLayout.JAVA_BYTE)));
    }

    public static Fingerprint of(byte[] sealed) {
        return of(MemorySegment.ofArray(sealed));
    }

    /** One after the other; docs/FORMAT.md. */
    public static byte[] toBytes(List<Fingerprint> states) {
        var bytes = ByteBuffer.allocate(states.size() * SIZE);
        states.forEach(state -> bytes.put(HexFormat.of().parseHex(state.hex)));
        return bytes.array();
    }

    public static List<Fingerprint> ofBytes(byte[] bytes) {
        var states = new ArrayList<Fingerprint>();
        for (int at = 0; at + SIZE <= bytes.length; at += SIZE) {
            states.add(new Fingerprint(HexFormat.of().formatHex(bytes, at, at + SIZE)));
        }
        return states;
    }
}
