/** Keys in hardware: HSMs, TPMs and SoftHSM by PKCS#11. */
package io.memguard.keys.pkcs11;
