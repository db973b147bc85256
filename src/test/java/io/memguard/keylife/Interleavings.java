package io.memguard.keylife;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The JVM in which actors run in every order: {@code directory limit tokens keys:begin:act+act …}; {@code !} in
 * front of the keys: the first actor may be killed. */
final class Interleavings {
    private Interleavings() {}

    public static void main(String[] arguments) throws Exception {
        var stepper = new Stepper();
        for (int i = 3; i < arguments.length; i++) {
            String[] words = arguments[i].split(":", -1);
            var acts = Stream.of(words[2].split("\\+")).map(Act::valueOf).toList();
            try {
                explore(stepper, arguments, words[0], Scene.Begin.valueOf(words[1]), acts);
            } catch (Throwable e) {
                e.printStackTrace(System.out);
                Runtime.getRuntime().halt(1); // Actors may still wait.
            }
        }
        System.out.println("done");
    }

    private static void explore(Stepper stepper, String[] arguments, String keys, Scene.Begin begin, List<Act> acts)
            throws Exception {
        long started = System.nanoTime();
        boolean kills = keys.startsWith("!");
        var where = SceneKeys.named(keys.replace("!", ""), List.of(arguments[2].split(" ", -1)));
        var result = new Explorer(stepper, Path.of(arguments[0]).resolve(keys + "-" + begin), where, begin, acts, kills)
                .explore(Integer.parseInt(arguments[1]));
        System.out.println(keys + " " + begin + " " + acts + ": " + result.runs() + " orders"
                + (result.others() > 0 ? " (" + result.others() + " became others), " : ", ") + result.states()
                + " states, "
                + result.steps() + " steps, "
                + (result.all() ? "all" : "up to " + result.mostPreemptions() + " preemptions")
                + ", " + (System.nanoTime() - started) / 1_000_000 + " ms");
    }
}
