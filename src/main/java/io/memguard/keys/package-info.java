/** Where the key of a store comes from: the service provider interface and the sources of passphrases and PINs. */
package io.memguard.keys;
