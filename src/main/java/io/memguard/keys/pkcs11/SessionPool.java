package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.CKR_BUFFER_TOO_SMALL;
import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.CKR_OPERATION_ACTIVE;
import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.CKR_SESSION_COUNT;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * This process's sessions with one slot: each is one thread's while it is borrowed, and there are never more than the
 * token allows. Who comes when all are in use waits, a virtual thread without a carrier. To be used inside
 * {@link Pkcs11Module#use}.
 */
final class SessionPool {
    /** More would not make a token faster. */
    private static final int MOST = Math.max(8, 2 * Runtime.getRuntime().availableProcessors());

    private final Pkcs11Module module;
    private final long slot;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition returned = lock.newCondition();
    private final Deque<Long> idle = new ArrayDeque<>();
    private int inUse;
    private int limit = MOST;
    private int users;

    SessionPool(Pkcs11Module module, long slot) {
        this.module = module;
        this.slot = slot;
    }

    long slot() {
        return slot;
    }

    /** Counts one more connection that needs the sessions; {@link #leave} takes it back. */
    void join(TokenInfo info) {
        lock.lock();
        try {
            users++;
            limit = bound(info.maxSessions());
        } finally {
            lock.unlock();
        }
    }

    /** One is left for others; 0 and negative numbers mean that there is no limit, or that it is unknown. */
    static int bound(long maxSessions) {
        return maxSessions <= 0 ? MOST : (int) Math.max(1, Math.min(MOST, maxSessions - 1));
    }

    /** Closes the idle sessions after the last connection; those in use close when they come back. */
    void leave() {
        lock.lock();
        try {
            users--;
            closeIfUnused();
        } finally {
            lock.unlock();
        }
    }

    /** Ended by {@link #giveBack}. */
    long acquire() {
        lock.lock();
        try {
            while (true) {
                Long session = idle.pollFirst();
                if (session == null && inUse < limit) {
                    session = open();
                }
                if (session != null) {
                    inUse++;
                    return session;
                }
                returned.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Null where others have taken the token's last session, and one of ours will come back. */
    private @Nullable Long open() {
        try {
            return module.functions().openSession(slot, false);
        } catch (CkException e) {
            if (e.rv() != CKR_SESSION_COUNT() || inUse == 0) {
                throw e;
            }
            return null;
        }
    }

    /** What a session is good for after a call. */
    enum After {
        /** The next call: whatever was begun in it has ended. */
        FINE,
        /** Nothing: an operation may still be active in it. */
        DOUBTFUL,
        /** Nothing, and its handle may be another session's by now. */
        GONE;

        /** After a call that failed so: a failure ends what was begun (PKCS #11 v3.0, section 5.2), but for these. */
        static After of(long rv) {
            if (!ReturnValues.sessionIsKnown(rv)) {
                return GONE;
            }
            return rv == CKR_OPERATION_ACTIVE() || rv == CKR_BUFFER_TOO_SMALL() ? DOUBTFUL : FINE;
        }
    }

    /** Ends what {@link #acquire} began. */
    void giveBack(long session, After after) {
        lock.lock();
        try {
            inUse--;
            if (after == After.FINE) {
                idle.addFirst(session);
            } else if (after == After.DOUBTFUL) {
                keepLogin();
                module.functions().closeSession(session);
            }
            closeIfUnused();
            returned.signal();
        } finally {
            lock.unlock();
        }
    }

    /** The login ends with the last session of the process: another one takes its place before it is closed. */
    private void keepLogin() {
        if (inUse == 0 && idle.isEmpty() && users > 0) {
            try {
                idle.addFirst(module.functions().openSession(slot, false));
            } catch (CkException e) {
                // A token that allows one session only: the next call logs in again.
            }
        }
    }

    /** Drops the idle sessions that the token has dropped. */
    void dropStale() {
        lock.lock();
        try {
            idle.removeIf(session -> !isKnown(session));
        } finally {
            lock.unlock();
        }
    }

    /** The library is about to end, and all its sessions with it. */
    void forget() {
        lock.lock();
        try {
            idle.clear();
        } finally {
            lock.unlock();
        }
    }

    private void closeIfUnused() {
        if (users == 0) {
            idle.stream().filter(this::isKnown).forEach(module.functions()::closeSession);
            idle.clear();
        }
    }

    private boolean isKnown(long session) {
        try {
            return module.functions().sessionState(session, slot).isPresent();
        } catch (CkException e) {
            return false; // A module that can't tell, or is broken.
        }
    }
}
