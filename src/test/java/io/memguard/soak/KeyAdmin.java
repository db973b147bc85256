package io.memguard.soak;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Progress;
import io.memguard.Secrets;
import java.nio.file.Path;
import java.util.SplittableRandom;

/** A process that changes, interrupts and gives up keys, and removes and makes a second store, until it is killed. */
final class KeyAdmin {
    private static final Progress SILENT = (done, all) -> {};

    private final Path directory;
    private final Path second;
    private final KeyStores stores;

    private KeyAdmin(KeyStores stores, Path directory, Path second) {
        this.stores = stores;
        this.directory = directory;
        this.second = second;
    }

    private static final class Interrupted extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    public static void main(String[] arguments) throws Exception {
        var admin =
                new KeyAdmin(new KeyStores(arguments[3], arguments[4]), Path.of(arguments[0]), Path.of(arguments[1]));
        var random = new SplittableRandom(Long.parseLong(arguments[2]));
        System.out.println("ready");
        try {
            while (System.in.available() == 0) {
                System.out.println("did " + admin.operation(random));
            }
        } catch (Throwable e) {
            e.printStackTrace(System.out);
            Runtime.getRuntime().halt(3);
        }
        System.out.println("ended");
    }

    /** What it was, and how it ended. */
    private String operation(SplittableRandom random) {
        int number = random.nextInt(16);
        if (number >= 14) {
            return removeAndMake(random);
        }
        String what = "open";
        try (var store = stores.open(directory, OpenMode.EXISTING).guard()) {
            String key = KeyStores.KEYS.get(random.nextInt(2));
            what = number < 6
                    ? "rotate"
                    : number < 10 ? "rekey" : number < 12 ? "interrupt" : number < 13 ? "abort" : "forget";
            change(store, what, key);
            return what;
        } catch (Interrupted e) {
            return what;
        } catch (MemGuardException e) {
            if (!isRight(e, what)) {
                throw e;
            }
            return what + "-refused";
        }
    }

    private void change(MemGuard store, String what, String key) {
        switch (what) {
            case "rotate" -> store.rotate(SILENT);
            case "rekey" -> store.rekey(stores.keys(key), SILENT);
            case "interrupt" ->
                store.rekey(stores.keys(key), (done, all) -> {
                    throw new Interrupted();
                });
            case "abort" -> store.abortRekey(SILENT);
            default -> store.forgetOldKeys();
        }
    }

    private static boolean isRight(MemGuardException e, String what) {
        String text = String.valueOf(e.getMessage());
        return switch (e.code()) {
            case STORE_FAILED -> text.contains("another call or process");
            case KEY_INVALID -> !what.equals("open");
            case INVALID_ARGUMENTS -> what.equals("abort");
            case CLEANUP_FAILED -> needsTheOtherProvider(e);
            default -> false;
        };
    }

    /** A key of another provider was left: the change was made, and an opening with both destroys it. */
    static boolean needsTheOtherProvider(MemGuardException e) {
        return e.code() == ErrorCode.CLEANUP_FAILED
                && String.valueOf(e.getMessage()).contains("its provider was not given");
    }

    /** Others do the same beside. */
    private String removeAndMake(SplittableRandom random) {
        try (var store =
                KeyStores.SOFTWARE.open(second, OpenMode.OPEN_OR_CREATE).guard()) {
            if (random.nextBoolean()) {
                try (var value = Secrets.random(60, 1)) {
                    store.store("second", value);
                }
                store.rotate(SILENT);
            }
            store.cleanupAll();
            return "cleanup";
        } catch (MemGuardException e) {
            boolean beside = e.code() == ErrorCode.KEY_INVALID
                    || e.code() == ErrorCode.STORE_FAILED
                    || e.code() == ErrorCode.CLEANUP_FAILED;
            if (!beside) {
                throw e;
            }
            return "cleanup-refused " + e.getMessage();
        }
    }
}
