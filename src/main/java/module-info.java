import org.jspecify.annotations.NullMarked;

/** Secrets off the Java heap while in use, and encrypted on disk. */
@NullMarked
@SuppressWarnings("module") // Those that some packages are for are built after this one.
module io.memguard {
    requires transitive java.management;
    requires jdk.jfr;
    requires jdk.unsupported; // Signals, while a terminal is asked for secrets.
    requires org.bouncycastle.provider;
    requires static transitive org.jspecify;

    exports io.memguard;
    exports io.memguard.adapters to
            io.memguard.jdbc,
            io.memguard.spring;
    exports io.memguard.adapters.http;
    exports io.memguard.doctor;
    exports io.memguard.ffi to
            io.memguard.cli;
    exports io.memguard.ffi.gen.linux to
            io.memguard.cli;
    exports io.memguard.jca;
    exports io.memguard.keys;
    exports io.memguard.keys.pkcs11;
    exports io.memguard.keys.software;
    exports io.memguard.management;
    exports io.memguard.memory to
            io.memguard.cli,
            io.memguard.prove;
    exports io.memguard.os to
            io.memguard.cli;
    exports io.memguard.storage;
    exports io.memguard.storage.directory to
            io.memguard.prove;
    exports io.memguard.store to
            io.memguard.cli,
            io.memguard.prove;

    opens io.memguard.events to
            jdk.jfr;

    uses io.memguard.keys.KeyProvider;
}
