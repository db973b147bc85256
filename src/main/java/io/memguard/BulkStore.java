package io.memguard;

import io.memguard.memory.Addresses;
import io.memguard.storage.Moment;
import io.memguard.storage.Published;
import io.memguard.store.NewValue;
import io.memguard.store.SecretName;
import io.memguard.store.SecretStore;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;

/** Values on their way to disk in groups; see {@link MemGuard#storeAll}. */
final class BulkStore {
    // A group's locks are held while the disk works, and its files are in memory, encrypted.
    private static final int GROUP_VALUES = 1000;
    private static final long GROUP_BYTES = 16L << 20;

    /** Where a value is: in a buffer that is opened for each use, or in memory of the caller. */
    interface Plaintext {
        <R> R read(Borrower<R, RuntimeException> use);
    }

    record Value(String text, SecretName name, Plaintext plaintext) {}

    /** What comes after a value is durable; false where it is not in the cache then. */
    @FunctionalInterface
    interface Stored {
        boolean stored(Value value, Moment moment);
    }

    private final List<Value> values;

    private BulkStore(List<Value> values) {
        this.values = values;
    }

    static BulkStore ofBuffers(Map<String, SecretBuffer> values) {
        return of(values, buffer -> {
            Arguments.requireValue(buffer);
            return new Plaintext() {
                @Override
                public <R> R read(Borrower<R, RuntimeException> use) {
                    return buffer.<R, RuntimeException>read(use);
                }
            };
        });
    }

    static BulkStore ofSegments(Map<String, MemorySegment> values) {
        return of(values, segment -> {
            Arguments.requireNative(segment);
            return new Plaintext() {
                @Override
                public <R> R read(Borrower<R, RuntimeException> use) {
                    return Addresses.<R, RuntimeException>read(segment, use);
                }
            };
        });
    }

    /** Checks all before the first one is stored. */
    private static <V> BulkStore of(Map<String, V> values, Function<V, Plaintext> plaintext) {
        Arguments.requireValue(values);
        var all = new ArrayList<Value>();
        values.forEach((text, value) -> all.add(new Value(text, SecretName.of(text), plaintext.apply(value))));
        return new BulkStore(all);
    }

    /** Writes all; true where everyone was put into the cache, too. */
    boolean write(SecretStore store, Stored stored) {
        int durable = 0;
        boolean cached = true;
        try {
            while (durable < values.size()) {
                int begin = durable;
                Published written = store.writeAll(group -> seal(store, begin, group));
                durable += written.moments().size();
                for (int i = begin; i < durable; i++) {
                    cached &= stored.stored(values.get(i), written.moments().get(i - begin));
                }
                if (written.failure().isPresent()) {
                    throw SecretStore.notStored(written.failure().get());
                }
            }
        } catch (MemGuardException | IllegalStateException e) {
            throw durable == 0 ? e : partly(durable, e);
        }
        return cached;
    }

    private void seal(SecretStore store, int begin, Consumer<NewValue> group) {
        long bytes = 0;
        for (int i = begin; i < values.size() && i - begin < GROUP_VALUES && bytes < GROUP_BYTES; i++) {
            Value value = values.get(i);
            var sealed = value.plaintext().<NewValue>read(segment -> store.seal(value.name(), segment));
            group.accept(sealed);
            bytes += sealed.size();
        }
    }

    private MemGuardException partly(int durable, RuntimeException cause) {
        return new MemGuardException(
                ErrorCode.STORE_FAILED,
                durable + " of " + values.size()
                        + " values are stored durably, in the order of the map; the others are "
                        + "unchanged; store all again ("
                        + cause.getMessage() + ")",
                cause);
    }
}
