/** For tests of storages, and of what stands on them. */
package io.memguard.testkit;
