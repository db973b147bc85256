import org.jspecify.annotations.NullMarked;

/** Secrets as beans of Spring. */
@NullMarked
module io.memguard.spring {
    requires transitive io.memguard;
    requires static org.jspecify;
    requires static spring.beans;

    exports io.memguard.adapters.spring;
}
