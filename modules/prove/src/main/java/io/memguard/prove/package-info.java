/** Looks for secrets of a running JVM wherever somebody could find them. */
package io.memguard.prove;
