package io.memguard.fuzz;

import java.nio.file.Path;

/** Runs every seed of a fuzzer once, without Jazzer, and says where one was not taken, or not refused, as its name says. */
final class Replay {
    private Replay() {}

    public static void main(String[] arguments) throws ReflectiveOperationException {
        var fuzzer = Class.forName(arguments[0]);
        var takes = fuzzer.getMethod("takes", byte[].class);
        int wrong = 0;
        for (Path seed : Seeds.files(fuzzer)) {
            boolean good = seed.getFileName().toString().startsWith("good-");
            if ((boolean) takes.invoke(null, (Object) Seeds.read(seed)) != good) {
                System.err.println(seed.getFileName() + " was " + (good ? "refused" : "taken"));
                wrong++;
            }
        }
        System.exit(wrong);
    }
}
