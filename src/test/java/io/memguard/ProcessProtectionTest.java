package io.memguard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.memguard.doctor.Doctor;
import io.memguard.process.ChildJvm;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What counts for the whole process, and who may change it; in JVMs of their own, since there is no way back. */
class ProcessProtectionTest {
    /** Prints what is set after each step. */
    static final class Steps {
        private Steps() {}

        /** Takes no arguments. */
        public static void main(String... arguments) {
            System.out.println(ProcessProtection.state());
            ProcessProtection.requireLocked();
            Doctor.process(MemoryPolicy.BEST_EFFORT);
            System.out.println(ProcessProtection.state());
            ProcessProtection.allowUnlocked();
            ProcessProtection.allowHeapFallback();
            ProcessProtection.harden();
            System.out.println(ProcessProtection.state());
            try {
                ProcessProtection.requireLocked();
            } catch (MemGuardException e) {
                System.out.println(e.code() + " " + e.getMessage());
            }
        }
    }

    @Test
    void onlyAnExplicitCallAllowsUnlockedMemoryAndADiagnosisDoesNot() throws Exception {
        List<String> lines;
        try (var child = ChildJvm.start(Steps.class, List.of(), List.of())) {
            lines = child.rest().lines().toList();
        }
        String locked = "State[memory=REQUIRE_LOCKED, heapFallback=false, hardened=false]";
        assertEquals(locked, lines.get(0));
        assertEquals(locked, lines.get(1), "after a diagnosis for BEST_EFFORT");
        assertEquals("State[memory=BEST_EFFORT, heapFallback=true, hardened=true]", lines.get(2));
        assertTrue(lines.get(3).startsWith("SECURITY_ERROR this process has allowed unlocked memory"), lines.get(3));
    }

    @Test
    void aWaitIsFromZeroToOneHour() {
        for (Duration wrong : new Duration[] {null, Duration.ofMillis(-1), Duration.ofHours(2)}) {
            var refused = assertThrows(MemGuardException.class, () -> ProcessProtection.waitForLockedMemory(wrong));
            assertEquals(ErrorCode.INVALID_ARGUMENTS, refused.code());
        }
    }
}
