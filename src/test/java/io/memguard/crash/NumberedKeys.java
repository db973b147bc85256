package io.memguard.crash;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;

/** A provider whose keys follow from a number in the record: another one at each rotation, and as cheap as can be. */
public final class NumberedKeys implements KeyProvider {
    private static final String NUMBER = "number";

    @Override
    public String type() {
        return "numbered";
    }

    @Override
    public CreatedKey create(StoreContext store) {
        long number = ThreadLocalRandom.current().nextLong();
        return new CreatedKey(
                key(number), new KeyDescriptor(type(), KeyMode.ENVELOPE, Map.of(NUMBER, Long.toString(number))));
    }

    @Override
    public StoreKey open(StoreContext store, KeyDescriptor record) {
        try {
            return key(Long.parseLong(record.parameters().getOrDefault(NUMBER, "")));
        } catch (NumberFormatException e) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID, "the metadata has no number; restore it from a backup", e);
        }
    }

    private static StoreKey key(long number) {
        try (var key = Secrets.random(32, number)) {
            return StoreKey.aes256Gcm(key);
        }
    }

    @Override
    public void erase(StoreContext store, KeyDescriptor record) {}

    @Override
    public void close() {}
}
