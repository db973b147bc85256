package io.memguard.cli;

import java.io.BufferedWriter;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;

/** Standard output as bytes, with errors: {@code System.out} would swallow a full disk or a closed pipe. */
final class Output {
    private Output() {}

    static void print(byte[] bytes) throws IOException {
        try (var out = new FileOutputStream(FileDescriptor.out)) {
            out.write(bytes);
        }
    }

    /** Text that is too long to be put together first. */
    @FunctionalInterface
    interface Printer {
        void printTo(Writer out) throws IOException;
    }

    static void print(Printer text) throws IOException {
        try (var out = new BufferedWriter(
                new OutputStreamWriter(new FileOutputStream(FileDescriptor.out), StandardCharsets.UTF_8))) {
            text.printTo(out);
        }
    }
}
