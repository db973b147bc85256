package io.memguard.keylife;

import io.memguard.OpenMode;

/** What an actor does: one call, or a few, by an opening of its own from before or by a new one. */
@SuppressWarnings("ImmutableEnumChecker") // Its lambdas keep nothing.
enum Act {
    ROTATE(true, me -> me.call("rotate", guard -> guard.rotate(Stores.SILENT))),
    REKEY(true, me -> me.rekey("two")),
    REKEY_ELSEWHERE(true, me -> me.rekey("three")),
    ABORT(true, me -> me.call("abort", guard -> guard.abortRekey(Stores.SILENT))),
    FORGET(true, me -> me.call("forget", guard -> guard.forgetOldKeys())),
    CLEANUP(true, me -> me.cleanup()),
    STORE(true, me -> {
        me.store("own");
        me.store("name 0");
    }),
    DELETE(true, me -> me.delete("name 1")),
    READ(true, me -> {
        me.read("name 0");
        me.list();
    }),
    OPEN(false, me -> {
        me.open(OpenMode.EXISTING);
        me.read("name 0");
        me.store("own");
    }),
    MAKE(false, me -> {
        me.open(OpenMode.OPEN_OR_CREATE);
        me.store("own");
        me.read("own");
    }),
    /** No part of the library: deletes a container's temporary file, as an opening once did while a rotation wrote it. */
    MEDDLE(true, me -> me.deleteTemporaries());

    /** Its work. */
    interface Work {
        void by(Actor me);
    }

    /** Whether it has the store open before. */
    final boolean opened;

    final Work work;

    Act(boolean opened, Work work) {
        this.opened = opened;
        this.work = work;
    }
}
