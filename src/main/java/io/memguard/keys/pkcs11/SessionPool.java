package io.memguard.keys.pkcs11;

import static io.memguard.ffi.pkcs11.Pkcs11Library.CKR_SESSION_COUNT;

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

    /** Given back by {@link #release} or {@link #discard}. */
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

    void release(long session) {
        lock.lock();
        try {
            inUse--;
            idle.addFirst(session);
            closeIfUnused();
            returned.signal();
        } finally {
            lock.unlock();
        }
    }

    /** @param known whether the handle is surely still this session's, and can be closed */
    void discard(long session, boolean known) {
        lock.lock();
        try {
            inUse--;
            if (known) {
                module.functions().closeSession(session);
            }
            returned.signal();
        } finally {
            lock.unlock();
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
        return module.functions().sessionState(session, slot).isPresent();
    }
}
