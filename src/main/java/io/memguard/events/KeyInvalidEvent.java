package io.memguard.events;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A store could not be opened with the key that was offered. */
@Name("io.memguard.KeyInvalid")
@Label("A store could not be opened with the key that was offered")
@Category("MemGuard")
@StackTrace(false)
public final class KeyInvalidEvent extends Event {}
