/** Detects files of an earlier time that were put back, by records outside of the store. */
package io.memguard.store.rollback;
