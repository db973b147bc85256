package io.memguard.cli;

import io.memguard.fuzz.FuzzCampaign;
import io.memguard.migration.SettingsFuzzer;
import java.util.Map;

/** Each parser of the command line. */
final class FuzzTest extends FuzzCampaign {
    FuzzTest() {
        super(Map.of(SettingsFuzzer.class, 2_000, CommandLineFuzzer.class, 120));
    }
}
