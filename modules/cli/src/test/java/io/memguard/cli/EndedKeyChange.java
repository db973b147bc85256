package io.memguard.cli;

/** A change of the key that is told to end in the middle. */
final class EndedKeyChange {
    private EndedKeyChange() {}

    public static void main(String[] arguments) throws InterruptedException {
        try (var progress = new KeyChange("memguard rotate")) {
            if (arguments.length > 0) {
                progress.at(3, 10);
            }
            System.out.println("ready");
            Thread.sleep(60_000);
        }
    }
}
