package io.memguard.events;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A value was stored. */
@Name("io.memguard.Store")
@Label("A value was stored")
@Category("MemGuard")
@StackTrace(false)
public final class StoreEvent extends Event {}
