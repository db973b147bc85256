package io.memguard.keys;

/** Where the store key does its work; chosen when a store is made, recorded, and never changed silently. */
public enum KeyMode {
    /** The provider wraps the store key; files are encrypted by this process, in protected memory. */
    ENVELOPE,
    /** The provider itself encrypts each file; the store key never leaves it. */
    DIRECT
}
