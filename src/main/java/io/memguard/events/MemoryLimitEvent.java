package io.memguard.events;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** No more memory could be locked. */
@Name("io.memguard.MemoryLimit")
@Label("No more memory could be locked")
@Category("MemGuard")
@StackTrace(false)
public final class MemoryLimitEvent extends Event {
    /** In bytes, on top of what was locked. */
    @Label("Needed")
    @DataAmount
    public long needed;
}
