package io.memguard.process;

import io.memguard.os.Posix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** JVMs of another user; only root can start them. */
final class OtherUser {
    private OtherUser() {}

    /** Says loudly what is not tested where it is false. */
    static boolean canBePlayed(String what) {
        boolean root = Posix.effectiveUser() == 0;
        if (!root) {
            System.out.println("NOT TESTED without root: " + what + " (run scripts/test as root)");
        }
        return root;
    }

    /** What to put in front of {@code java}. */
    static List<String> command(int user) {
        return List.of("setpriv", "--reuid", "" + user, "--regid", "" + user, "--clear-groups");
    }

    /** This build and what it needs, copied to where everybody can read it. */
    static String classPath(Path open) throws IOException {
        var classPath = new ArrayList<String>();
        for (String entry :
                Arrays.stream(ChildJvm.classPath().split(":")).distinct().toList()) {
            Path from = Path.of(entry);
            boolean needed = String.valueOf(from.getFileName()).matches("(jspecify|bcprov)-.*");
            if (!entry.isEmpty() && Files.exists(from) && (needed || Files.isDirectory(from))) {
                Path to = open.resolve("cp" + classPath.size() + "-" + from.getFileName());
                LimitsTest.copy(from, to);
                classPath.add(to.toString());
            }
        }
        return String.join(":", classPath);
    }
}
