package io.memguard.os;

import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;

/** Asks on its terminal, and prints what it got. */
final class Asking {
    private Asking() {}

    public static void main(String[] arguments) throws InterruptedException, IOException {
        try (var quiet = Terminal.keepQuiet()) {
            print(arguments[0].equals("lines") ? Terminal.readLines("ask: ") : Terminal.readSecret("ask: "));
            if (arguments[0].equals("two")) {
                System.out.println("between");
                while (System.in.available() < "early-typed\n".length()) {
                    Thread.sleep(10);
                }
                print(Terminal.readSecret("ask: "));
            }
        } catch (MemGuardException e) {
            System.out.println(e.getMessage());
            System.exit(e.code().exitStatus());
        }
    }

    private static void print(SecretBuffer answer) {
        try (answer) {
            byte[] bytes = answer.<byte[], RuntimeException>read((MemorySegment s) -> s.toArray(ValueLayout.JAVA_BYTE));
            System.out.println("got " + HexFormat.of().formatHex(bytes));
        }
    }
}
