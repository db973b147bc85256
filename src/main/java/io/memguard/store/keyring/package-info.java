/** The keys of a store: what the metadata says of them, how they are opened, and how one replaces another. docs/KEY-LIFECYCLE.md */
package io.memguard.store.keyring;
