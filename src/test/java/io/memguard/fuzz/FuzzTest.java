package io.memguard.fuzz;

import io.memguard.keys.pkcs11.Pkcs11UriFuzzer;
import io.memguard.keys.pkcs11.SunConfigurationFuzzer;
import io.memguard.keys.software.ContainerFuzzer;
import io.memguard.store.MetadataFuzzer;
import io.memguard.store.NameFileFuzzer;
import io.memguard.store.ValueFileFuzzer;
import java.util.Map;

/** Each parser of the library. */
final class FuzzTest extends FuzzCampaign {
    FuzzTest() {
        super(Map.of(
                ValueFileFuzzer.class, 1_000,
                NameFileFuzzer.class, 1_000,
                MetadataFuzzer.class, 10_000,
                ContainerFuzzer.class, 2_000,
                Pkcs11UriFuzzer.class, 10_000,
                SunConfigurationFuzzer.class, 800));
    }
}
