/** Passwords for HikariCP's connections, read when one is made. */
package io.memguard.adapters.hikari;
