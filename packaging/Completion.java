import io.memguard.cli.Main;
import picocli.AutoComplete;

/**
 * Prints what completes memguard's arguments in bash, as picocli makes it.
 *
 * <p>Run by packaging/build.sh as a source file: {@code java -cp JARS Completion.java}.
 */
final class Completion {
    private Completion() {}

    public static void main(String[] arguments) {
        System.out.print(AutoComplete.bash("memguard", new Main().allCommands()));
    }
}
