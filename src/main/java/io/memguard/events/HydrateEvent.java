package io.memguard.events;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A value was brought from disk into the cache. */
@Name("io.memguard.Hydrate")
@Label("A value was brought from disk into the cache")
@Category("MemGuard")
@StackTrace(false)
public final class HydrateEvent extends Event {}
