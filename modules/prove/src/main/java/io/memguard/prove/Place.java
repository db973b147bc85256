package io.memguard.prove;

import java.util.List;

/** Where it is looked. */
public enum Place {
    LIVE_DUMP("heap dump of live objects", Control.HEAP),
    FULL_DUMP("heap dump with garbage", Control.HEAP),
    MEMORY("all memory of the process", Control.HEAP, Control.NATIVE),
    SWAPPABLE("memory that may be swapped", Control.HEAP, Control.NATIVE),
    SECRET_MEMORY("pages of the process key"),
    GCORE("core dump by gcore", Control.HEAP, Control.NATIVE),
    CORE("core dump by SIGABRT", Control.HEAP, Control.NATIVE),
    HS_ERR("hs_err file of a crash", Control.THREAD),
    FLIGHT_RECORDING("flight recording", Control.EVENT),
    THREAD_DUMP("thread dump", Control.THREAD),
    JMX("JMX traffic", Control.BEAN),
    LOGS("logs, all levels", Control.LOG),
    STORE("directory of the store", Control.STORED_FILE),
    TEMPORARY("temporary files", Control.TEMPORARY_FILE),
    COMMAND_LINE("command line, environment", Control.ARGUMENT, Control.VARIABLE);

    private final String title;

    @SuppressWarnings("ImmutableEnumChecker") // List.of() makes one that nobody changes.
    private final List<Control> controls;

    Place(String title, Control... controls) {
        this.title = title;
        this.controls = List.of(controls);
    }

    /** A few words for a table. */
    public String title() {
        return title;
    }

    /** What must be found there, else the search proves nothing; none where the place itself tells. */
    List<Control> controls() {
        return controls;
    }

    /** Whether native memory shows in it, that of libraries too. */
    boolean isMemory() {
        return this == MEMORY || this == SWAPPABLE || this == GCORE || this == CORE;
    }

    /** Whether the JVM has to die for it. */
    boolean needsCrash() {
        return this == CORE || this == HS_ERR;
    }
}
