import org.jspecify.annotations.NullMarked;

/** JVMs that do everything with secrets, and a search of their memory, dumps and files for what they kept. */
@NullMarked
@SuppressWarnings("module") // The command line is built after this one.
module io.memguard.prove {
    requires transitive io.memguard;
    requires static java.management
            .rmi; // The JVMs that are searched have it; the process that starts them does not need it.
    requires static java.rmi;
    requires jdk.jfr;
    requires static org.jspecify;

    exports io.memguard.prove to
            io.memguard.cli;

    opens io.memguard.prove to
            jdk.jfr;
}
