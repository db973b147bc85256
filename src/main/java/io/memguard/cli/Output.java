package io.memguard.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;

/** Standard output as bytes, with errors: {@code System.out} would swallow a full disk or a closed pipe. */
final class Output {
    private Output() {}

    static void print(byte[] bytes) throws IOException {
        try (var out = new FileOutputStream(FileDescriptor.out)) {
            out.write(bytes);
        }
    }
}
