package io.memguard.store;

import static java.util.stream.Collectors.joining;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Progress;
import io.memguard.keys.KeyProvider;
import io.memguard.storage.Storage;
import io.memguard.store.keyring.KeyTransition;
import io.memguard.store.keyring.Metadata;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Switches a store to another key while other processes read and write: rotate, rekey, and giving a change up. One at a time:
 * a lock is held from the first step to the last, and the kernel frees it where the process is killed. What was interrupted
 * is continued by the provider of the next key, or given up by that of the current one.
 */
public final class KeyChange {
    private final KeyTransition steps;
    private final Reencryption files;
    private final Storage storage;

    KeyChange(KeyTransition steps, Reencryption files, Storage storage) {
        this.steps = steps;
        this.files = files;
        this.storage = storage;
    }

    /**
     * Switches to a new key of the store's own provider.
     *
     * @throws MemGuardException STORE_FAILED where a file opens under no key, or another change is under way;
     *     KEY_INVALID where the provider is no longer the store's, or an interrupted change leads to a key of another one;
     *     CLEANUP_FAILED where only the key before could not be destroyed
     */
    public void rotate(Progress progress) {
        during(() -> {
            steps.requireCurrentProvider();
            to(steps.provider(), progress);
        });
    }

    /** Switches to a key of another provider, which is the store's from then on; errors as by {@link #rotate}. */
    public void rekey(KeyProvider to, Progress progress) {
        during(() -> {
            steps.requireCurrentProvider();
            to(to, progress);
        });
    }

    /**
     * Gives up the change that was interrupted: every value is under the current key again.
     *
     * @throws MemGuardException INVALID_ARGUMENTS where there is none; else as by {@link #rotate}
     */
    public void abort(Progress progress) {
        during(() -> {
            steps.requireCurrentProvider();
            var next = steps.underWay();
            if (next == null) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS, "no key change is under way; there is nothing to give up");
            }
            abandon(next, progress);
            destroyOld(
                    List.of(steps.provider()), "the change was given up, and every value is under the key before it");
        });
    }

    /** Destroys this folder's own keys that nothing is under any more, if no change is under way; returns what is left. */
    List<KeyTransition.Left> destroyOwnOld() throws IOException {
        var left = new ArrayList<KeyTransition.Left>();
        storage.changing(true, () -> left.addAll(steps.destroyOld(List.of(steps.provider()), true)));
        return left;
    }

    /**
     * Drops the names of old keys that a copy of this store may need: they stay in their token or place.
     *
     * @return how messages name them
     */
    public List<String> forgetOld() {
        var forgotten = new ArrayList<String>();
        during(() -> forgotten.addAll(steps.forgetOthers()));
        return forgotten;
    }

    private void to(KeyProvider to, Progress progress) throws IOException {
        continueOrBegin(to, progress);
        files.reencrypt(progress);
        KeyProvider from = steps.provider();
        boolean same = steps.uses(to);
        steps.promote(to);
        try {
            destroyOld(
                    same ? List.of(to) : List.of(from, to),
                    "the key was changed, and every value is under the new one");
        } finally {
            if (!same) {
                from.close();
            }
        }
    }

    private void continueOrBegin(KeyProvider to, Progress progress) throws IOException {
        Metadata.@Nullable Next next = steps.underWay();
        if (next != null && next.abandoned()) {
            abandon(next, progress);
            next = null;
        }
        if (next != null && !steps.adopt(to)) {
            if (steps.uses(to) || !steps.adopt(steps.provider())) {
                throw belongsToAnother(next);
            }
            files.reencrypt(progress); // A rotation of this very provider: its end is no other change.
            steps.promote(steps.provider());
            next = null;
        }
        if (next == null) {
            steps.destroyOld(steps.uses(to) ? List.of(to) : List.of(steps.provider(), to), false);
            steps.begin(to);
        }
    }

    private MemGuardException belongsToAnother(Metadata.Next next) {
        return new MemGuardException(
                ErrorCode.KEY_INVALID,
                "a change to another key was begun and interrupted, to " + steps.name(next)
                        + "; the key before opens the store until it is finished: finish it with the key that it leads to"
                        + " (memguard rekey with the same --to), or give it up (memguard rekey --abort), then try again");
    }

    private void abandon(Metadata.Next next, Progress progress) throws IOException {
        if (!next.abandoned()) {
            steps.abandon();
        }
        files.reencrypt(progress);
        steps.drop();
    }

    private void destroyOld(List<KeyProvider> by, String done) throws IOException {
        var left = steps.destroyOld(by, false);
        left.stream()
                .filter(key -> !key.own())
                .forEach(key -> System.getLogger(KeyChange.class.getName())
                        .log(
                                System.Logger.Level.WARNING,
                                "a key before the present one stays, since this folder was copied or moved, and another one"
                                        + " may need it: {0} (drop its name: memguard rekey --forget-old)",
                                key.why()));
        String own = left.stream()
                .filter(KeyTransition.Left::own)
                .map(KeyTransition.Left::why)
                .collect(joining("; "));
        if (!own.isEmpty()) {
            throw new MemGuardException(
                    ErrorCode.CLEANUP_FAILED,
                    done + "; only this could not be destroyed: " + own
                            + "; open the store once with the providers of both keys (--keys may be given several times)");
        }
    }

    private void during(Storage.Action change) {
        try {
            if (!storage.changing(false, change)) {
                throw new MemGuardException(
                        ErrorCode.STORE_FAILED,
                        "the key of this store is being changed by another call or process; nothing was changed here: try"
                                + " again when that is done");
            }
        } catch (IOException e) {
            throw StoreErrors.failed(
                    ErrorCode.STORE_FAILED, "the key could not be changed; nothing is lost, run it again", e);
        }
    }
}
