/**
 * What a store needs of the place where it keeps its entries. A storage is not trusted: it sees ciphertext and hashes only, and
 * one layer above it encrypts, decrypts and detects rollbacks.
 */
package io.memguard.storage;
