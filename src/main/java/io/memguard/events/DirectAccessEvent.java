package io.memguard.events;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A value was read past the cache, onto the heap. */
@Name("io.memguard.DirectAccess")
@Label("A value was read past the cache, onto the heap")
@Category("MemGuard")
@StackTrace(false)
public final class DirectAccessEvent extends Event {}
