package io.memguard.rollback;

import io.memguard.MemGuard;
import io.memguard.Secrets;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.RollbackRecords;
import io.memguard.keys.SecretSources;
import io.memguard.keys.pkcs11.Pkcs11Records;
import io.memguard.keys.software.SoftwareKeys;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Changes a store that keeps records, and dies at a numbered step: each call of the token has one before it and one behind.
 *
 * <p>Arguments: the store's directory; the token's URI; the file of its PIN; the step.
 */
public final class RollbackWorker {
    private RollbackWorker() {}

    /** Says what is done. */
    public static void main(String[] arguments) {
        var pin = SecretSources.file(Path.of(arguments[2]));
        var records = new Mortal(Pkcs11Records.uri(arguments[1], pin), Integer.parseInt(arguments[3]));
        try (var guard = MemGuard.at(Path.of(arguments[0]))
                .keys(keys())
                .detectRollback(records)
                .open()) {
            for (String name : List.of("a", "c")) {
                try (var value = Secrets.text("new")) {
                    guard.store(name, value);
                }
                System.out.println("stored " + name);
            }
            guard.delete("b");
            System.out.println("deleted b");
            guard.rotate((done, all) -> {});
            System.out.println("rotated");
        }
    }

    static KeyProvider keys() {
        return SoftwareKeys.passphrase(() -> Secrets.text("a passphrase")).cost(1, 8 << 20);
    }

    private record Mortal(RollbackRecords records, int[] left) implements RollbackRecords {
        Mortal(RollbackRecords records, int steps) {
            this(records, new int[] {steps});
        }

        private void step() {
            if (--left[0] == 0) {
                System.out.flush();
                Runtime.getRuntime().halt(9);
            }
        }

        @Override
        public Optional<byte[]> get(String storeId, byte[] id) {
            return records.get(storeId, id);
        }

        @Override
        public void put(String storeId, byte[] id, byte[] value) {
            step();
            records.put(storeId, id, value);
            step();
        }

        @Override
        public void remove(String storeId, byte[] id) {
            step();
            records.remove(storeId, id);
            step();
        }

        @Override
        public List<byte[]> ids(String storeId) {
            return records.ids(storeId);
        }

        @Override
        public void close() {
            records.close();
        }
    }
}
