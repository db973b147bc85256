import org.jspecify.annotations.NullMarked;

/** For tests of storages, and of what stands on them. */
@NullMarked
module io.memguard.testkit {
    requires transitive io.memguard;
    requires static org.jspecify;
    requires transitive org.junit.jupiter.api;

    exports io.memguard.testkit;
}
