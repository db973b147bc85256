/** Passwords for PostgreSQL's driver that never become a String. */
package io.memguard.adapters.postgresql;
