package io.memguard.prove;

import java.util.HexFormat;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** What a search of a recording must find. */
@Name("io.memguard.prove.Control")
@Label("Control")
@StackTrace(false)
final class ControlEvent extends Event {
    @Label("Random bytes")
    String random = "";

    static void commit(Asking asking) {
        var event = new ControlEvent();
        event.random = HexFormat.of().formatHex(asking.control(Control.EVENT));
        event.commit();
    }
}
