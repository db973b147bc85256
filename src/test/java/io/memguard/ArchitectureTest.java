package io.memguard;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The walls of docs/ARCHITECTURE.md. */
class ArchitectureTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.memguard");

    @Test
    void onlyFourPackagesCallNativeCode() {
        noClasses()
                .that()
                .resideOutsideOfPackages(
                        "io.memguard.memory", "io.memguard.os", "io.memguard.keys.pkcs11", "io.memguard.ffi..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.memguard.ffi..")
                .check(CLASSES);
    }

    @Test
    void onlyTheCommandLineKnowsPicocli() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.memguard.cli")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("picocli..")
                .check(CLASSES);
    }

    /** Stores whose key is in a token open without it; the other class reads what memguard import is given. */
    @Test
    void oneClassOfTheLibraryKnowsBouncyCastle() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName("io.memguard.keys.software.BouncyCastle")
                .and()
                .doNotHaveFullyQualifiedName("io.memguard.migration.Pkcs12Bags")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.bouncycastle..")
                .check(CLASSES);
    }

    @Test
    void nothingBelowKnowsTheFacade() {
        noClasses()
                .that()
                .resideInAnyPackage(
                        "io.memguard.memory",
                        "io.memguard.os",
                        "io.memguard.store..",
                        "io.memguard.keys..",
                        "io.memguard.ffi..")
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName("io.memguard.MemGuard")
                .orShould()
                .dependOnClassesThat()
                .haveFullyQualifiedName("io.memguard.Secret")
                .check(CLASSES);
    }

    @Test
    void memoryAndSystemCallsKnowNeitherFilesNorKeys() {
        noClasses()
                .that()
                .resideInAnyPackage("io.memguard.memory", "io.memguard.os", "io.memguard.ffi..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.memguard.store..", "io.memguard.keys..", "io.memguard.cli")
                .check(CLASSES);
    }

    @Test
    void keysDoNotKnowTheStore() {
        noClasses()
                .that()
                .resideInAPackage("io.memguard.keys..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.memguard.store..", "io.memguard.cli")
                .check(CLASSES);
    }

    @Test
    void theKeyringKnowsNeitherFilesNorRecords() {
        noClasses()
                .that()
                .resideInAPackage("io.memguard.store.keyring")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.memguard.store", "io.memguard.store.rollback", "io.memguard.os", "java.nio.file")
                .check(CLASSES);
    }

    @Test
    void recordsDoNotKnowFiles() {
        noClasses()
                .that()
                .resideInAPackage("io.memguard.store.rollback")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.memguard.store", "io.memguard.os", "java.nio.file")
                .check(CLASSES);
    }

    @Test
    void nothingUsesUnsafe() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName("sun.misc.Unsafe")
                .check(CLASSES);
    }
}
