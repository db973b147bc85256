import org.jspecify.annotations.NullMarked;

/** Passwords of databases out of secrets. */
@NullMarked
module io.memguard.jdbc {
    requires static com.zaxxer.hikari;
    requires transitive io.memguard;
    requires static org.jspecify;
    requires static org.postgresql.jdbc;

    exports io.memguard.adapters.hikari;
    exports io.memguard.adapters.postgresql;
}
