/** Passwords for the HTTP clients of the JDK. */
package io.memguard.adapters.http;
