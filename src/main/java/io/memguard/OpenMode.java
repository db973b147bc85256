package io.memguard;

/** Whether opening a store may make one. No mode ever makes a key where data exists. */
public enum OpenMode {
    /** Open what is there, else fail with {@link ErrorCode#INVALID_ARGUMENTS}. */
    EXISTING,
    /** Make a new store, else fail with {@link ErrorCode#INVALID_ARGUMENTS} where one is there. */
    CREATE,
    /** Open what is there; make a new store where there is nothing at all. The default. */
    OPEN_OR_CREATE
}
