package io.memguard.keylife;

import io.memguard.keylife.StepOrder.Choice;
import io.memguard.keylife.StepOrder.Kind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Runs actors in every order of their steps that leads to another state: sooner those with few changes from an actor that
 * could go on to another one, and in a fixed mixture. Each order is run from the beginning, on the same store. An actor may take
 * another step than the last time, such as the look at shared files that is due once a second: such an order goes on as it can,
 * is judged, and leads to no others.
 */
final class Explorer {
    /** How far orders with more changes between actors are mixed with those with fewer. */
    private static final double SPREAD = 2;

    private final Stepper stepper;
    private final Path work;
    private final SceneKeys keys;
    private final Scene.Begin begin;
    private final List<Act> acts;
    private final boolean kills;
    private final Set<Long> known = new HashSet<>();
    private final PriorityQueue<Prefix> waiting = new PriorityQueue<>(Comparator.comparingDouble(Prefix::cost));
    private final SplittableRandom random = new SplittableRandom(21);
    private int runs;
    private int others;
    private long steps;

    Explorer(Stepper stepper, Path work, SceneKeys keys, Scene.Begin begin, List<Act> acts, boolean kills) {
        this.kills = kills;
        this.keys = keys;
        this.stepper = stepper;
        this.work = work;
        this.begin = begin;
        this.acts = acts;
    }

    /** How an order begins. */
    private record Prefix(List<Choice> choices, int preemptions, double cost) {}

    /**
     * What was done.
     *
     * @param others how many orders became others than was meant
     * @param all whether these were all
     */
    record Result(int runs, int others, int states, long steps, int mostPreemptions, boolean all) {}

    Result explore(int limit) throws Exception {
        waiting.add(new Prefix(List.of(), 0, 0));
        int most = 0;
        while (!waiting.isEmpty() && runs < limit) {
            var next = waiting.remove();
            most = Math.max(most, next.preemptions());
            run(next);
            runs++;
        }
        return new Result(runs, others, known.size(), steps, most, others == 0 && waiting.isEmpty());
    }

    private void run(Prefix prefix) throws Exception {
        stepper.reset();
        var scene = new Scene(work, stepper, keys, begin, acts);
        var threads = new ArrayList<Thread>();
        for (Actor actor : scene.actors) {
            threads.add(Thread.ofPlatform().start(() -> {
                stepper.enter(actor.number);
                try {
                    actor.run();
                } finally {
                    stepper.leave();
                }
            }));
        }
        var order = new StepOrder(stepper, scene.folder(), acts.size(), kills);
        try {
            follow(order, prefix);
            for (Thread thread : threads.subList(order.killed() ? 1 : 0, threads.size())) {
                thread.join();
            }
            scene.judge(order.killed());
            if (order.killed()) {
                stepper.bury(0);
                threads.getFirst().join();
            }
        } catch (AssertionError | RuntimeException e) {
            throw new AssertionError(
                    begin + " " + acts + ": " + e + "\n  they said: "
                            + scene.actors.stream().map(actor -> actor.said).toList() + "\n  "
                            + String.join("\n  ", order.log()),
                    e);
        } finally {
            scene.close();
        }
    }

    private void follow(StepOrder order, Prefix prefix) throws IOException {
        var taken = new ArrayList<Choice>();
        int preemptions = 0;
        int last = 0;
        boolean fresh = true;
        while (!order.isOver()) {
            var choices = order.choices();
            if (choices.isEmpty()) {
                throw new IllegalStateException("each waits for another one");
            }
            Choice goesOn = Choice.goesOn(last);
            boolean mayGoOn = choices.contains(goesOn);
            Choice choice = mayGoOn ? goesOn : first(choices);
            if (fresh && taken.size() < prefix.choices().size()) {
                Choice meant = prefix.choices().get(taken.size());
                if (choices.contains(meant)) {
                    choice = meant;
                } else {
                    fresh = false;
                    others++;
                }
            } else if (fresh) {
                fresh = choices.size() == 1 || known.add(order.signature());
                if (fresh) {
                    continueWithOthers(choices, choice, taken, preemptions, mayGoOn, last);
                }
            }
            preemptions += cost(choice, mayGoOn, last);
            order.offered(choice);
            last = choice.actor();
            taken.add(choice);
            order.take(choice);
            steps++;
        }
    }

    private void continueWithOthers(
            List<Choice> choices, Choice choice, List<Choice> taken, int preemptions, boolean mayGoOn, int last) {
        for (Choice other : choices) {
            if (!other.equals(choice)) {
                var choicesThen = new ArrayList<>(taken);
                choicesThen.add(other);
                int then = preemptions + cost(other, mayGoOn, last);
                waiting.add(new Prefix(choicesThen, then, then + SPREAD * random.nextDouble()));
            }
        }
    }

    private static Choice first(List<Choice> choices) {
        return choices.stream()
                .filter(choice -> choice.kind() == Kind.GOES_ON)
                .findFirst()
                .orElse(choices.getFirst());
    }

    private static int cost(Choice choice, boolean mayGoOn, int last) {
        return mayGoOn && choice.actor() != last && choice.kind() == Kind.GOES_ON ? 1 : 0;
    }
}
