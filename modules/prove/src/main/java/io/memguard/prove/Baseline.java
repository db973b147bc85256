package io.memguard.prove;

/** Other ways in which a service keeps the same values. */
enum Baseline {
    STRING("String"),
    ARRAY("byte[]"),
    KEY_STORE("java.security.KeyStore (PKCS12)"),
    ASHERAH("GoDaddy Asherah SecureMemory");

    private final String title;

    Baseline(String title) {
        this.title = title;
    }

    String title() {
        return title;
    }
}
