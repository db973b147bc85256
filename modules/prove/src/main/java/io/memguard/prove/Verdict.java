package io.memguard.prove;

/** What a result says, the best first. */
public enum Verdict {
    /** The planted control was found, no secret was. */
    CLEAN("✓", "clean"),
    /** Something was found where the documentation says it is. */
    EXCEPTION("△", "exception"),
    /** The control was not found, or the place can't be searched on this machine. */
    NOT_PROVEN("?", "not proven"),
    /** A secret was found. */
    LEAKED("✗", "LEAKED");

    private final String sign;
    private final String word;

    Verdict(String sign, String word) {
        this.sign = sign;
        this.word = word;
    }

    /** One character. */
    public String sign() {
        return sign;
    }

    /** One or two words. */
    public String word() {
        return word;
    }
}
