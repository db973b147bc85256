package io.memguard.events;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A read past the cache was refused. */
@Name("io.memguard.RateLimited")
@Label("A read past the cache was refused")
@Category("MemGuard")
@StackTrace(false)
public final class RateLimitedEvent extends Event {}
