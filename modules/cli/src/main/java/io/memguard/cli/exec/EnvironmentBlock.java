package io.memguard.cli.exec;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.ffi.gen.linux.LinuxLibrary;
import io.memguard.os.InheritedDescriptor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The environment of a program to run: that of this process, byte for byte as it was given, with secrets added. No value,
 * secret or not, passes over the heap.
 *
 * <p>What the launcher had to change for the JVM's sake is as it was before: {@code MEMGUARD_OUTER_NAME} becomes
 * {@code NAME}, and an empty one means that there was none.
 */
public final class EnvironmentBlock implements AutoCloseable {
    /** The longest variable, name and value, that execve(2) takes, in bytes (MAX_ARG_STRLEN). */
    private static final int LONGEST = 32 * 4096 - 2; // Without '=' and the zero at its end.

    /** In it the launcher says what the soft limit of core dumps was, in KiB or unlimited; not passed on. */
    public static final String CORE_LIMIT = "MEMGUARD_CORE_LIMIT";

    private static final String OUTER = "MEMGUARD_OUTER_";

    /** By name; each a zero-terminated text in native memory. */
    private final Map<String, MemorySegment> plain = new TreeMap<>();

    private final List<String> names = new ArrayList<>();
    private final SecretBuffer secrets;

    private EnvironmentBlock(SecretBuffer secrets) {
        this.secrets = secrets;
    }

    /**
     * The environment of this process and these secrets, which take the place of variables of the same names.
     *
     * @param values plaintext, copied into protected memory
     * @param others more variables that are no secrets
     * @throws MemGuardException {@link ErrorCode#INVALID_ARGUMENTS} for a value that can't be in an environment
     */
    public static EnvironmentBlock with(Map<String, MemorySegment> values, Map<String, String> others) {
        values.forEach(EnvironmentBlock::check);
        long size = values.entrySet().stream()
                .mapToLong(entry -> entry.getKey().length() + entry.getValue().byteSize() + 2)
                .sum();
        var block = new EnvironmentBlock(SecretBuffer.allocate(size));
        try {
            block.inherit();
            others.forEach((name, value) -> block.plain.put(name, Arena.ofAuto().allocateFrom(name + "=" + value)));
            block.add(values);
            return block;
        } catch (Throwable failure) {
            block.close();
            throw failure;
        }
    }

    private void add(Map<String, MemorySegment> values) {
        secrets.<@Nullable Void, RuntimeException>write(target -> {
            long offset = 0;
            for (var entry : values.entrySet()) {
                plain.remove(entry.getKey());
                names.add(entry.getKey());
                offset = put(target, offset, entry.getKey(), entry.getValue());
            }
            return null;
        });
    }

    private static void check(String name, MemorySegment value) {
        if (name.length() + value.byteSize() > LONGEST) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "the value for " + name
                            + " is too long for an environment variable (128 KiB); use --fd or --memfd");
        }
        for (long i = 0; i < value.byteSize(); i++) {
            if (value.get(ValueLayout.JAVA_BYTE, i) == 0) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS,
                        "the value for " + name + " has a zero byte, which no environment variable can; use --fd");
            }
        }
    }

    /** The buffer is zeros: each text is ended by one. */
    private static long put(MemorySegment target, long offset, String name, MemorySegment value) {
        MemorySegment.copy(
                MemorySegment.ofArray((name + "=").getBytes(StandardCharsets.US_ASCII)),
                0,
                target,
                offset,
                name.length() + 1);
        MemorySegment.copy(value, 0, target, offset + name.length() + 1, value.byteSize());
        return offset + name.length() + value.byteSize() + 2;
    }

    private void inherit() {
        var outer = new TreeMap<String, MemorySegment>();
        var list = LinuxLibrary.environ().reinterpret(Long.MAX_VALUE);
        for (long i = 0; ; i++) {
            MemorySegment text = list.getAtIndex(ValueLayout.ADDRESS, i);
            if (text.address() == 0) {
                break;
            }
            text = text.reinterpret(Long.MAX_VALUE);
            String name = name(text);
            if (name.equals(CORE_LIMIT) || name.equals(InheritedDescriptor.LIST)) {
                continue;
            }
            if (name.startsWith(OUTER)) {
                outer.put(name.substring(OUTER.length()), text.asSlice(OUTER.length()));
            } else {
                plain.put(name, text);
            }
        }
        outer.forEach((name, text) -> {
            boolean empty = text.get(ValueLayout.JAVA_BYTE, name.length() + 1L) == 0;
            plain.remove(name);
            if (!empty) {
                plain.put(name, text);
            }
        });
    }

    private static String name(MemorySegment text) {
        var name = new StringBuilder();
        for (long i = 0; ; i++) {
            byte b = text.get(ValueLayout.JAVA_BYTE, i);
            if (b == '=' || b == 0) {
                return name.toString();
            }
            name.append((char) (b & 0xff));
        }
    }

    /** Uses the block as execve(2) takes it. */
    @FunctionalInterface
    interface Use {
        int with(MemorySegment block) throws IOException;
    }

    /** Lends it in that form, for as long as the call lasts. */
    int lend(Use use) throws IOException {
        return secrets.<Integer, IOException>read(texts -> {
            try (var arena = Arena.ofConfined()) {
                var block = arena.allocate(ValueLayout.ADDRESS, plain.size() + names.size() + 1L);
                long i = 0;
                for (MemorySegment text : plain.values()) {
                    block.setAtIndex(ValueLayout.ADDRESS, i++, text);
                }
                long offset = 0;
                for (int n = 0; n < names.size(); n++) {
                    MemorySegment text = texts.asSlice(offset);
                    block.setAtIndex(ValueLayout.ADDRESS, i++, text);
                    offset += length(text) + 1;
                }
                return use.with(block);
            }
        });
    }

    private static long length(MemorySegment text) {
        long end = 0;
        while (text.get(ValueLayout.JAVA_BYTE, end) != 0) {
            end++;
        }
        return end;
    }

    /** Wipes what was added. */
    @Override
    public void close() {
        secrets.close();
    }
}
