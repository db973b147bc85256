package io.memguard.os;

import static io.memguard.ffi.gen.linux.LinuxLibrary.*;

import io.memguard.ffi.Downcall;
import io.memguard.ffi.Downcall.Prepared;
import io.memguard.ffi.gen.linux.flock;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A lock of a range of bytes of an open file. Giving it back takes no memory of the heap: else a full heap would keep it. */
public final class RangeLock {
    private final int descriptor;
    private final long start;
    private final long length;
    private final MemorySegment state;
    private final Prepared unlock;

    /** Takes nothing yet. To be used while the arena is open. */
    public RangeLock(Arena arena, int descriptor, long start, long length) {
        this.descriptor = descriptor;
        this.start = start;
        this.length = length;
        this.state = Downcall.allocateState(arena);
        var range = flock.allocate(arena); // l_pid must be 0 for this kind of lock
        flock.l_type(range, (short) F_UNLCK());
        flock.l_whence(range, (short) SEEK_SET());
        flock.l_start(range, start);
        flock.l_len(range, length);
        this.unlock = Downcall.prepare(state, fcntl.address(), descriptor, F_OFD_SETLK(), range);
    }

    /** Takes it, as soon as no other open file has any of it. */
    public void take() throws IOException {
        Posix.lock(descriptor, start, length, true);
    }

    /** Takes it; false where another open file has any of it. */
    public boolean tryToTake() throws IOException {
        return Posix.lock(descriptor, start, length, false);
    }

    /** Gives it back; 0, or the number of the error. */
    public int giveBack() {
        return (int) unlock.call() == 0 ? 0 : Downcall.errno(state);
    }
}
