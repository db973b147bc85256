package io.memguard.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The walls of the command line; those of the library are its own. */
class ArchitectureTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .withImportOption(location -> !location.contains("-tests.jar"))
            .importPackages("io.memguard.cli", "io.memguard.migration");

    @Test
    void onlyOnePackageCallsNativeCode() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.memguard.cli.exec")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.memguard.ffi..")
                .check(CLASSES);
    }

    @Test
    void onlyCommandsKnowPicocli() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.memguard.cli")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("picocli..")
                .check(CLASSES);
    }

    @Test
    void whatImportReadsAndHowExecRunsKnowNoCommand() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.memguard.cli")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.memguard.cli", "io.memguard.prove")
                .check(CLASSES);
    }

    @Test
    void commandsDoNotReachIntoTheStoreOfKeys() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.memguard.store.keyring..", "io.memguard.store.rollback..")
                .check(CLASSES);
    }
}
