package io.memguard.storage.directory;

/**
 * What a caller has chosen about the place of a store.
 *
 * @param readOnly nothing at all is written to the directory
 * @param group whether a group may have access to it, as Kubernetes' fsGroup makes it
 * @param sharedFileSystem whether it may be on a file system whose mounts don't share a page cache
 */
public record DirectoryAccess(boolean readOnly, boolean group, boolean sharedFileSystem) {
    /** The owner's only, on a local file system. */
    public static final DirectoryAccess USUAL = new DirectoryAccess(false, false, false);
}
