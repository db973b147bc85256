/** What Linux is asked for directly: terminal, limits, locks, durable files. */
package io.memguard.os;
