/**
 * Keeps secrets off the Java heap while a service uses them, and encrypted on disk.
 *
 * <p>Start with {@link io.memguard.MemGuard}.
 */
package io.memguard;
