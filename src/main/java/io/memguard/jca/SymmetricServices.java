package io.memguard.jca;

import java.util.List;

/** Services for {@link ProtectedSecretKey}. */
final class SymmetricServices {
    private SymmetricServices() {}

    static List<ServiceRow> rows() {
        return List.of();
    }
}
