package io.memguard.store;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import org.junit.jupiter.api.Test;

/** What an OutOfMemoryError was about: the heap is one of several. */
class StoreErrorsTest {
    private static String said(String text) {
        var error = StoreErrors.failed(ErrorCode.STORE_FAILED, "not stored", new OutOfMemoryError(text));
        assertEquals(ErrorCode.STORE_FAILED, error.code());
        return error.getMessage();
    }

    @Test
    void onlyAFullHeapIsAdvisedToBeMadeLarger() {
        assertTrue(said("Java heap space").contains("raise -Xmx"));
        assertTrue(said("Requested array size exceeds VM limit").contains("raise -Xmx"));
        String thread =
                said("unable to create native thread: possibly out of memory or process/resource limits reached");
        assertTrue(thread.contains("no thread can be started") && thread.contains("TasksMax="), thread);
        assertFalse(thread.contains("-Xmx"), thread);
        assertTrue(said("Metaspace").contains("MaxMetaspaceSize"));
        assertTrue(said("Cannot reserve 100 bytes of direct buffer memory").contains("MaxDirectMemorySize"));
        assertTrue(said("something new").contains("something new"));
        assertTrue(said("").endsWith("memory is used up; free some"));
    }

    /** The words are the JVM's: the error that this one really gives. */
    @Test
    void aRealErrorIsKnown() {
        var error = assertThrows(OutOfMemoryError.class, () -> System.out.println(new long[Integer.MAX_VALUE].length));
        String said =
                StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "not read", error).getMessage();
        assertTrue(said.contains("the heap is full; raise -Xmx"), said);
    }
}
