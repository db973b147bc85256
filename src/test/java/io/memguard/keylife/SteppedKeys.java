package io.memguard.keylife;

import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** A provider each of whose calls is a step of the actor that makes it. */
final class SteppedKeys extends Stores.Changed {
    private final Stepper stepper;

    SteppedKeys(Stepper stepper, KeyProvider keys) {
        super(keys);
        this.stepper = stepper;
    }

    private void step(String what) {
        if (!stepper.stop(what)) {
            throw new IllegalStateException("killed");
        }
    }

    @Override
    public CreatedKey create(StoreContext store) {
        step("create");
        var made = keys.create(store);
        return new CreatedKey(stepped(made.key(), made.record()), made.record());
    }

    @Override
    public StoreKey open(StoreContext store, KeyDescriptor record) {
        step("key");
        return stepped(keys.open(store, record), record);
    }

    private StoreKey stepped(StoreKey key, KeyDescriptor record) {
        return record.mode() == KeyMode.DIRECT ? new InToken(key) : key;
    }

    /** A key that does not leave its token: each use of it is a call of that. */
    private final class InToken implements StoreKey {
        private final StoreKey key;

        InToken(StoreKey key) {
            this.key = key;
        }

        @Override
        public void seal(MemorySegment aad, MemorySegment plaintext, MemorySegment sealed) {
            step("seal");
            key.seal(aad, plaintext, sealed);
        }

        @Override
        public boolean open(MemorySegment aad, MemorySegment sealed, MemorySegment plaintext) {
            step("unseal");
            return key.open(aad, sealed, plaintext);
        }

        @Override
        public long room(long sealedLength) {
            return key.room(sealedLength);
        }

        @Override
        public void close() {
            key.close();
        }
    }

    @Override
    public void erase(StoreContext store, KeyDescriptor record) {
        step("erase");
        keys.erase(store, record);
    }

    @Override
    public void eraseUnrecorded(StoreContext store, List<KeyDescriptor> recorded) {
        step("erase");
        keys.eraseUnrecorded(store, recorded);
    }
}
