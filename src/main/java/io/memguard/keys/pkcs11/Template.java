package io.memguard.keys.pkcs11;

import io.memguard.ffi.gen.pkcs11._CK_ATTRIBUTE;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** An array of CK_ATTRIBUTE in the making (PKCS #11 v3.0, section 3.4); lives as long as its arena. */
final class Template {
    private static final int CAPACITY = 24;

    private final Arena arena;
    private final MemorySegment array;
    private int count;

    Template(Arena arena) {
        this.arena = arena;
        this.array = _CK_ATTRIBUTE.allocateArray(CAPACITY, arena);
    }

    Template bool(long type, boolean value) {
        return add(type, arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) (value ? 1 : 0)));
    }

    Template number(long type, long value) {
        return add(type, arena.allocateFrom(ValueLayout.JAVA_LONG, value));
    }

    Template bytes(long type, byte[] value) {
        return add(type, arena.allocateFrom(ValueLayout.JAVA_BYTE, value));
    }

    private Template add(long type, MemorySegment value) {
        var attribute = _CK_ATTRIBUTE.asSlice(array, count++);
        _CK_ATTRIBUTE.type(attribute, type);
        _CK_ATTRIBUTE.pValue(attribute, value);
        _CK_ATTRIBUTE.ulValueLen(attribute, value.byteSize());
        return this;
    }

    MemorySegment array() {
        return array;
    }

    int count() {
        return count;
    }
}
