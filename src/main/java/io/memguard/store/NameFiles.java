package io.memguard.store;

import io.memguard.os.FileContent;
import io.memguard.os.SmallFile;
import io.memguard.store.keyring.EntryCipher;
import io.memguard.store.keyring.Keyring;
import java.io.IOException;
import java.util.HexFormat;
import java.util.Optional;

/** The files that hold the names of secrets, encrypted. */
record NameFiles(StoreLayout layout) {
    private static final int MAX_FILE = 4 * SecretName.MAX_BYTES;

    /** The name of a hash, in UTF-8; nothing where the file is missing, damaged, or under another key. */
    Optional<byte[]> open(Keyring keys, String hex) throws IOException {
        try {
            return SmallFile.read(layout.nameFile(hex), MAX_FILE)
                    .flatMap(file -> keys.openName(HexFormat.of().parseHex(hex), EntryCipher.decode(file)));
        } catch (SmallFile.StrangeFileException e) {
            return Optional.empty();
        }
    }

    /** Whether {@code list} can show it: one that is there may be damaged. */
    boolean isReadable(Keyring keys, String hex) throws IOException {
        return open(keys, hex).isPresent();
    }

    FileContent seal(Keyring keys, SecretName name) {
        byte[] sealed = keys.writing().seal(EntryCipher.Purpose.NAME, name.hash(), name.utf8());
        return FileContent.of(EntryCipher.encode(sealed));
    }
}
