package io.memguard.prove;

import java.util.List;

/** Where the search runs. */
public enum Place {
    LIVE_DUMP("heap dump of live objects", PositiveControl.HEAP),
    FULL_DUMP("heap dump with garbage", PositiveControl.HEAP),
    MEMORY("all memory of the process", PositiveControl.HEAP, PositiveControl.NATIVE),
    SWAPPABLE("memory that may be swapped", PositiveControl.HEAP, PositiveControl.NATIVE),
    SECRET_MEMORY("pages of the process key"),
    GCORE("core dump by gcore", PositiveControl.HEAP, PositiveControl.NATIVE),
    CORE("core dump by SIGABRT", PositiveControl.HEAP, PositiveControl.NATIVE),
    HS_ERR("hs_err file of a crash", PositiveControl.THREAD),
    FLIGHT_RECORDING("flight recording", PositiveControl.EVENT),
    THREAD_DUMP("thread dump", PositiveControl.THREAD),
    JMX("JMX traffic", PositiveControl.BEAN),
    LOGS("logs, all levels", PositiveControl.LOG),
    STORE("directory of the store", PositiveControl.STORED_FILE),
    TEMPORARY("temporary files", PositiveControl.TEMPORARY_FILE),
    COMMAND_LINE("command line, environment", PositiveControl.ARGUMENT, PositiveControl.VARIABLE);

    private final String title;

    @SuppressWarnings("ImmutableEnumChecker") // List.of() makes one that never changes.
    private final List<PositiveControl> controls;

    Place(String title, PositiveControl... controls) {
        this.title = title;
        this.controls = List.of(controls);
    }

    /** A few words for a table. */
    public String title() {
        return title;
    }

    /** What must be found there, else the search proves nothing; none where the place itself tells. */
    List<PositiveControl> controls() {
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
