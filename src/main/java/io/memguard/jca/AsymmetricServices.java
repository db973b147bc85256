package io.memguard.jca;

import java.util.List;

/** Services for private keys. */
final class AsymmetricServices {
    private AsymmetricServices() {}

    static List<ServiceRow> rows() {
        return List.of();
    }
}
