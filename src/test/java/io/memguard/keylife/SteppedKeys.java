package io.memguard.keylife;

import io.memguard.keys.KeyProvider;
import io.memguard.keys.KeyRecord;
import io.memguard.keys.NewKey;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
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
    public NewKey create(StoreContext store) {
        step("create");
        return keys.create(store);
    }

    @Override
    public StoreKey open(StoreContext store, KeyRecord record) {
        step("key");
        return keys.open(store, record);
    }

    @Override
    public void erase(StoreContext store, KeyRecord record) {
        step("erase");
        keys.erase(store, record);
    }

    @Override
    public void eraseUnrecorded(StoreContext store, List<KeyRecord> recorded) {
        step("erase");
        keys.eraseUnrecorded(store, recorded);
    }
}
