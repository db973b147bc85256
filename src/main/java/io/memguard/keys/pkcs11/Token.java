package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.*;

import io.memguard.keys.SecretSource;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongFunction;
import java.util.function.Supplier;

/**
 * A connection to the token that a URI names: logged in, with sessions to lend. It recovers within the call from
 * what it can: a lost session, a logout by other code of the process, a token that was away, a device or a service that was
 * restarted. Thread-safe.
 */
final class Token implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Token.class.getName());

    /** The first, one after looking for the token again, and one after a restart of its library. */
    private static final int ATTEMPTS = 3;

    /** How often a connection is tried, and the pause before the second time, which doubles. */
    private static final int PATIENCE = 5;

    private static final long PAUSE_NANOS = 5_000_000;

    private final Pkcs11Uri uri;
    private final TokenLogin login;
    private final Pkcs11Module module;
    private final ReentrantLock mending = new ReentrantLock();
    private final AtomicInteger connections = new AtomicInteger();
    private volatile SessionPool pool;
    private volatile TokenInfo info;
    private volatile boolean closed;

    private Token(Pkcs11Uri uri, TokenLogin login, Pkcs11Module module, SlotFinder.Found found) {
        this.uri = uri;
        this.login = login;
        this.module = module;
        this.info = found.info();
        this.pool = module.pool(found.slot());
        pool.join(info);
    }

    /** Finds the token and logs in. */
    static Token connect(Pkcs11Uri uri, SecretSource pin) {
        var module = Pkcs11Module.load(ModulePath.of(uri));
        var login = new TokenLogin(module, pin);
        try {
            return patiently(module, () -> connect(uri, login, module));
        } catch (CkException e) {
            login.close();
            throw ReturnValues.failure("the token can't be opened", e);
        } catch (Throwable failure) {
            login.close();
            throw failure;
        }
    }

    /**
     * Tries again what a fault has stopped that may pass: soon, then after a restart of the library. SoftHSM writes the
     * token's own file at each login of any process; a process that reads it half-written answers CKR_GENERAL_ERROR to
     * C_GetTokenInfo and C_Login from then on, until its library is restarted.
     */
    private static <R> R patiently(Pkcs11Module module, Supplier<R> tried) {
        for (int attempt = 1; ; attempt++) {
            try {
                return tried.get();
            } catch (CkException e) {
                if (attempt == PATIENCE || !ReturnValues.mayBeBroken(e.rv())) {
                    throw e;
                }
                LockSupport.parkNanos(PAUSE_NANOS << attempt);
                if (attempt > 1) {
                    restart(module); // Where that must not be, the fault may still pass.
                }
            }
        }
    }

    private static void restart(Pkcs11Module module) {
        try {
            module.restart();
        } catch (CkException e) {
            LOG.log(System.Logger.Level.DEBUG, "the library does not start: {0}", e.getMessage());
        }
    }

    private static Token connect(Pkcs11Uri uri, TokenLogin login, Pkcs11Module module) {
        module.initialize();
        var token = new Token(uri, login, module, SlotFinder.find(module, uri));
        try {
            token.login();
            return token;
        } catch (Throwable failure) {
            module.use(() -> {
                token.pool.leave();
                return true;
            });
            throw failure;
        }
    }

    Pkcs11Module module() {
        return module;
    }

    long slot() {
        return pool.slot();
    }

    TokenInfo info() {
        return info;
    }

    /** Another number whenever handles of keys may have changed; to be compared inside one call only. */
    int generation() {
        return connections.get() + module.restarts();
    }

    /**
     * Runs a call with a session of its own; where something is stale or broken, recovers and runs the call again.
     *
     * @throws CkException what the token said after that
     * @throws io.memguard.MemGuardException where it can't recover
     */
    <R> R call(LongFunction<R> use) {
        for (int attempt = 1; ; attempt++) {
            int seen = generation();
            try {
                return once(use);
            } catch (CkException e) {
                boolean stale = ReturnValues.isStale(e.rv());
                if (attempt == ATTEMPTS || !(stale || ReturnValues.mayBeBroken(e.rv()))) {
                    throw e;
                }
                if (stale || attempt == 1) {
                    reconnect(seen, e);
                } else if (!restart(seen, e)) {
                    throw e;
                }
            }
        }
    }

    /** The same for data that may have been tampered with, which some tokens answer as if they were broken. */
    <R> R callWithDoubt(LongFunction<R> use) {
        int seen = generation();
        try {
            return once(use);
        } catch (CkException e) {
            if (!ReturnValues.isStale(e.rv())) {
                throw e;
            }
            reconnect(seen, e);
            return once(use);
        }
    }

    /** Once only, since it is a bad idea to do it twice; in a session that can write. */
    <R> R write(LongFunction<R> use) {
        requireOpen();
        return module.use(() -> {
            long session = module.functions().openSession(slot(), true);
            try {
                return use.apply(session);
            } finally {
                module.functions().closeSession(session);
            }
        });
    }

    private <R> R once(LongFunction<R> use) {
        requireOpen();
        return module.use(() -> {
            SessionPool sessions = pool;
            long session = sessions.acquire();
            var after = SessionPool.After.DOUBTFUL; // An operation may still be active in it.
            try {
                R result = use.apply(session);
                after = SessionPool.After.FINE;
                return result;
            } catch (CkException e) {
                after = SessionPool.After.of(e.rv());
                throw e;
            } finally {
                sessions.giveBack(session, after);
            }
        });
    }

    /** Looks for the token again and logs in; for all threads that saw the same failure, once. */
    private void reconnect(int seen, CkException why) {
        mending.lock();
        try {
            if (generation() != seen) {
                return; // Another thread has by now.
            }
            requireOpen();
            patiently(module, this::find);
            LOG.log(System.Logger.Level.INFO, "connected to the token again after {0}", why.getMessage());
        } catch (CkException e) {
            e.addSuppressed(why);
            throw ReturnValues.failure("the token can't be reached again", e);
        } finally {
            mending.unlock();
        }
    }

    /** The last resort: false where the library must not be restarted. */
    private boolean restart(int seen, CkException why) {
        mending.lock();
        try {
            if (generation() != seen) {
                return true;
            }
            requireOpen();
            if (!module.restart()) {
                return false;
            }
            find();
            return true;
        } catch (CkException e) {
            e.addSuppressed(why);
            throw ReturnValues.failure("the token can't be reached again", e);
        } finally {
            mending.unlock();
        }
    }

    private boolean find() {
        module.initialize();
        var found = SlotFinder.find(module, uri);
        info = found.info();
        SessionPool before = pool;
        pool = module.pool(found.slot());
        pool.join(info);
        module.use(() -> {
            before.leave();
            pool.dropStale();
            return true;
        });
        login();
        connections.incrementAndGet();
        return true;
    }

    private void login() {
        if (info.has(CKF_LOGIN_REQUIRED())) {
            this.<Boolean>once(session -> {
                login.ensure(session, slot());
                return true;
            });
        }
    }

    /** To be called with a session. */
    void requireLogin(long session) {
        if (info.has(CKF_LOGIN_REQUIRED()) && !login.isDone(session, slot())) {
            throw new CkException("C_GetSessionInfo", CKR_USER_NOT_LOGGED_IN());
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this key is closed");
        }
    }

    /** Ends its sessions and wipes the PIN; idempotent. No logout: the login is shared by all in the process. */
    @Override
    public void close() {
        mending.lock();
        try {
            if (!closed) {
                closed = true;
                module.use(() -> {
                    pool.leave();
                    return true;
                });
                login.close();
            }
        } finally {
            mending.unlock();
        }
    }

    /** For messages: which token this is. */
    @Override
    public String toString() {
        return info.toString();
    }
}
