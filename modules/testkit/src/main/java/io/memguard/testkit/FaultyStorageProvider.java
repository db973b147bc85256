package io.memguard.testkit;

import io.memguard.storage.LockedStorage;
import io.memguard.storage.LockedStore;
import io.memguard.storage.PreparedWrite;
import io.memguard.storage.Storage;
import io.memguard.storage.StorageProvider;
import java.io.IOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** A storage one of whose calls fails: the one that a test names by its number, before it has done anything. */
public final class FaultyStorageProvider implements StorageProvider {
    /** No call fails. */
    public static final long NEVER = 0;

    private final StorageProvider sound;
    private final AtomicLong calls = new AtomicLong();
    private volatile long failing = NEVER;

    /** @param sound what is called */
    public FaultyStorageProvider(StorageProvider sound) {
        this.sound = sound;
    }

    /** From now on calls are counted from 1, and this one fails. */
    public void failAt(long call) {
        failing = call;
        calls.set(0);
    }

    /** How many calls there were that can fail, since {@link #failAt}. */
    public long calls() {
        return calls.get();
    }

    @Override
    public String location() {
        return sound.location();
    }

    @Override
    public Optional<byte[]> metadata() throws IOException {
        return sound.metadata();
    }

    @Override
    public Optional<Storage> open() throws IOException {
        return sound.open().map(storage -> faulty(Storage.class, storage));
    }

    @Override
    public Storage create() throws IOException {
        return faulty(Storage.class, sound.create());
    }

    private <T> T faulty(Class<T> type, T target) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, new Calls(target)));
    }

    private final class Calls implements InvocationHandler {
        private final Object target;

        Calls(Object target) {
            this.target = target;
        }

        @Override
        public @Nullable Object invoke(Object proxy, Method method, @Nullable Object @Nullable [] arguments)
                throws Throwable {
            boolean mayFail = Arrays.asList(method.getExceptionTypes()).contains(IOException.class);
            if (mayFail && calls.incrementAndGet() == failing) {
                throw new IOException("a fault was asked for: " + method.getName());
            }
            try {
                Object result = method.invoke(target, wrapped(arguments));
                return result instanceof PreparedWrite write ? faulty(PreparedWrite.class, write) : result;
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        }

        /** What a lock hands out to work fails, too. */
        private @Nullable Object @Nullable [] wrapped(@Nullable Object @Nullable [] arguments) {
            if (arguments == null) {
                return null;
            }
            var wrapped = arguments.clone();
            for (int i = 0; i < wrapped.length; i++) {
                if (wrapped[i] instanceof Storage.Work<?> work) {
                    wrapped[i] = (Storage.Work<?>) locked -> work.run(faulty(LockedStorage.class, locked));
                } else if (wrapped[i] instanceof Storage.WholeWork<?> work) {
                    wrapped[i] = (Storage.WholeWork<?>) locked -> work.run(faulty(LockedStore.class, locked));
                }
            }
            return wrapped;
        }
    }
}
