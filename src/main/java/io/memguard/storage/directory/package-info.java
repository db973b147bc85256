/** The storage in a directory of one host: files, locks and counters, by docs/FORMAT.md. */
package io.memguard.storage.directory;
