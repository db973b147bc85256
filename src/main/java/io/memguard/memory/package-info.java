/**
 * Protected memory, and the only door to the native libraries: guarded allocations (libsodium), the sealed cache and its
 * windows (Rust). Status numbers end here; above are exceptions.
 */
package io.memguard.memory;
