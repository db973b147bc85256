package io.memguard;

/** Whether opening a store may make one. No mode ever makes a key where data exists. */
public enum OpenMode {
    /** Open what is there, else fail with {@link ErrorCode#INVALID_ARGUMENTS}. */
    EXISTING,
    /** Make a new store, else fail with {@link ErrorCode#INVALID_ARGUMENTS} where one is there. */
    CREATE,
    /** Open what is there; make a new store where there is nothing at all. The default. */
    OPEN_OR_CREATE,
    /**
     * Open what is there for reading only: nothing at all is written to its directory, which may be in an image, a ConfigMap or
     * on a read-only mount. Changes that others make are read within a second. Storing and deleting fail; memory-only secrets
     * work.
     */
    READ_ONLY
}
