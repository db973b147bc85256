/** Files: names and formats, atomic and durable writes, locks between threads and processes. docs/FORMAT.md has the bytes. */
package io.memguard.store;
