/** Looks at the machine, at this process and at a store, and says what is not as it should be. */
package io.memguard.doctor;
