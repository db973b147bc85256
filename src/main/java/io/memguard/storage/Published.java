package io.memguard.storage;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * What became of values that were written together.
 *
 * @param moments of the values that are durable, the first of those that were given
 * @param failure why the values after those are unchanged
 */
public record Published(List<Moment> moments, Optional<IOException> failure) {
    /** Copies the list. */
    public Published {
        moments = List.copyOf(moments);
    }
}
