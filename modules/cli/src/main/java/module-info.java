import org.jspecify.annotations.NullMarked;

/** The command memguard. */
@NullMarked
module io.memguard.cli {
    requires info.picocli;
    requires io.memguard;
    requires io.memguard.prove;
    requires org.bouncycastle.provider;
    requires static org.jspecify;
    requires org.snakeyaml.engine;

    opens io.memguard.cli to
            info.picocli;
}
