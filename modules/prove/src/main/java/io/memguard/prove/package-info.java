/** Searches for secrets of a running JVM wherever an attacker could find them. */
package io.memguard.prove;
