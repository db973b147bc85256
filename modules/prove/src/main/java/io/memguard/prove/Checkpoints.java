package io.memguard.prove;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Where the subject waits to be searched. Says where it is by a line, and does what it is told until it may go on. */
final class Checkpoints {
    private final BufferedReader commands =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    private final JmxTraffic wire;
    private final CanaryClient client;

    Checkpoints(CanaryClient client, Path traffic) {
        this.client = client;
        this.wire = new JmxTraffic(client, traffic);
    }

    JmxTraffic wire() {
        return wire;
    }

    void at(String place) throws Exception {
        at(place, null);
    }

    /** @param lent what native code has when it is told to crash; null where Java crashes */
    void at(String place, @Nullable MemorySegment lent) throws Exception {
        System.out.println("at " + place);
        for (String command = commands.readLine(); ; command = commands.readLine()) {
            if (command == null) {
                throw new IOException("the search has ended");
            }
            switch (command) {
                case "go" -> {
                    return;
                }
                case "event" -> ControlEvent.commit(client);
                case "wire" -> wire.use();
                case "crash" -> crash(lent);
                default -> throw new IllegalArgumentException(command);
            }
            System.out.println("did " + command);
        }
    }

    /** A read of an address that is not mapped: the JVM writes its hs_err file and aborts. */
    @SuppressWarnings("restricted")
    private static void crash(@Nullable MemorySegment lent) throws Exception {
        var nothing = MemorySegment.ofAddress(8).reinterpret(8);
        if (lent == null) {
            nothing.get(ValueLayout.JAVA_BYTE, 0);
        } else {
            crashInNativeCode(lent, nothing);
        }
    }

    /** As a driver or libc that is given a value: its registers and its stack point into it. */
    @SuppressWarnings("restricted")
    private static void crashInNativeCode(MemorySegment lent, MemorySegment nothing) throws Exception {
        var linker = Linker.nativeLinker();
        var compare = linker.downcallHandle(
                linker.defaultLookup().find("memcmp").orElseThrow(),
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));
        try {
            int ignored = (int) compare.invokeExact(lent, nothing, lent.byteSize());
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
