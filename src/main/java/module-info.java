import org.jspecify.annotations.NullMarked;

/** Secrets off the Java heap while in use, and encrypted on disk. */
@NullMarked
module io.memguard {
    requires static com.zaxxer.hikari;
    requires static info.picocli;
    requires transitive java.management;
    requires jdk.jfr;
    requires jdk.unsupported; // Signals, while a terminal is asked for secrets.
    requires static java.management.rmi; // The JVMs that prove looks at; no service needs it.
    requires static java.rmi;
    requires org.bouncycastle.provider;
    requires static transitive org.jspecify;
    requires static org.postgresql.jdbc;
    requires static org.snakeyaml.engine;
    requires static spring.beans;

    exports io.memguard;
    exports io.memguard.adapters.hikari;
    exports io.memguard.adapters.http;
    exports io.memguard.adapters.postgresql;
    exports io.memguard.adapters.spring;
    exports io.memguard.doctor;
    exports io.memguard.keys;
    exports io.memguard.keys.pkcs11;
    exports io.memguard.keys.software;
    exports io.memguard.management;

    opens io.memguard.events to
            jdk.jfr;
    opens io.memguard.cli to
            info.picocli;
    opens io.memguard.prove to
            jdk.jfr;

    uses io.memguard.keys.KeyProvider;
}
