package io.memguard.store;

import io.memguard.os.Posix;
import io.memguard.os.SmallFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * Which of all the contents that a file ever had: the IV and the tag of its sealed text. Each sealing takes a random IV, and
 * nobody without the key can make another text with this IV and tag.
 *
 * @param hex of {@link #SIZE} bytes
 */
record FileState(String hex) {
    private static final int IV = 12;
    private static final int TAG = 16;
    static final int SIZE = IV + TAG;

    /** There is no such file. */
    static final FileState ABSENT = new FileState("00".repeat(SIZE));

    /** It is nothing that was ever sealed. */
    static final FileState DAMAGED = new FileState("ff".repeat(SIZE));

    static FileState of(MemorySegment sealed) {
        long size = sealed.byteSize();
        if (size < SIZE) {
            return DAMAGED;
        }
        return new FileState(HexFormat.of().formatHex(sealed.asSlice(0, IV).toArray(ValueLayout.JAVA_BYTE))
                + HexFormat.of().formatHex(sealed.asSlice(size - TAG).toArray(ValueLayout.JAVA_BYTE)));
    }

    static FileState of(byte[] sealed) {
        return of(MemorySegment.ofArray(sealed));
    }

    /** As it lies on the disk now. */
    static FileState of(Path file) throws IOException {
        try {
            Optional<byte[]> content = SmallFile.read(file, SecretStore.MAX_FILE);
            return content.map(FileSeal::decode).map(FileState::of).orElse(ABSENT);
        } catch (SmallFile.StrangeFileException e) {
            return DAMAGED;
        }
    }

    /** The same, and durable: whoever put it there may have been killed before he made it so. */
    static FileState durable(StoreLayout layout, Path file) throws IOException {
        FileState state = of(file);
        Posix.syncDirectory(layout.directory());
        return state;
    }

    /** One after the other; docs/FORMAT.md. */
    static byte[] toBytes(List<FileState> states) {
        var bytes = ByteBuffer.allocate(states.size() * SIZE);
        states.forEach(state -> bytes.put(HexFormat.of().parseHex(state.hex)));
        return bytes.array();
    }

    static List<FileState> ofBytes(byte[] bytes) {
        var states = new ArrayList<FileState>();
        for (int at = 0; at + SIZE <= bytes.length; at += SIZE) {
            states.add(new FileState(HexFormat.of().formatHex(bytes, at, at + SIZE)));
        }
        return states;
    }
}
