import org.jspecify.annotations.NullMarked;

/** Secrets off the Java heap while in use, and encrypted on disk. */
@NullMarked
module io.memguard {
    requires static info.picocli;
    requires org.bouncycastle.provider;
    requires static transitive org.jspecify;

    exports io.memguard;
    exports io.memguard.keys;
    exports io.memguard.keys.software;

    opens io.memguard.cli to
            info.picocli;

    uses io.memguard.keys.KeyProvider;
}
