package io.memguard.prove;

import java.util.HexFormat;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** What a search of a recording must find. */
@Name("io.memguard.prove.PositiveControl")
@Label("PositiveControl")
@StackTrace(false)
final class ControlEvent extends Event {
    @Label("Random bytes")
    String random = "";

    static void commit(CanaryClient client) {
        var event = new ControlEvent();
        event.random = HexFormat.of().formatHex(client.control(PositiveControl.EVENT));
        event.commit();
    }
}
