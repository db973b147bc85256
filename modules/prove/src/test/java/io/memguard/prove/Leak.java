package io.memguard.prove;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import jdk.jfr.Event;
import jdk.jfr.Name;

/** What the mutated classes of {@link LeakTest} call. */
public final class Leak {
    private static final List<Object> KEPT = Collections.synchronizedList(new ArrayList<>());

    private Leak() {}

    /** On the heap, in another class's field. */
    public static void keep(Object object) {
        KEPT.add(object);
    }

    /** In ordinary native memory. */
    public static void keepNative(MemorySegment secret) {
        Arena.global().allocate(secret.byteSize()).copyFrom(secret);
    }

    /** As text of one byte a character. */
    public static String text(MemorySegment secret) {
        return new String(secret.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.ISO_8859_1);
    }

    /** As text in hexadecimal, of the first bytes. */
    public static String hex(MemorySegment secret) {
        byte[] bytes = secret.toArray(ValueLayout.JAVA_BYTE);
        return HexFormat.of().formatHex(bytes, 0, Math.min(bytes.length, 64));
    }

    /** In the name of a thread that lives on. */
    public static void startThread(MemorySegment secret) {
        Thread.ofPlatform().daemon().name(hex(secret)).start(java.util.concurrent.locks.LockSupport::park);
    }

    /** In a flight recording. */
    public static void record(MemorySegment secret) {
        var event = new Leaking();
        event.what = hex(secret);
        event.commit();
    }

    @Name("io.memguard.prove.Leaking")
    static final class Leaking extends Event {
        String what = "";
    }
}
