package io.memguard;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.properties.HasName;
import com.tngtech.archunit.core.domain.properties.HasOwner;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import io.memguard.memory.Addresses;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The walls of docs/ARCHITECTURE.md. */
class ArchitectureTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.memguard");

    private static final Set<String> FILE_CALLS_OF_STORES =
            Set.of("DurableFile", "DurableGroup", "FileContent", "FileVersion", "RangeLock");

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

    /** Neither modules/ nor what a service may not have. */
    @Test
    void theLibraryNeedsTheJdkAndBouncyCastleOnly() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideOutsideOfPackages(
                        "java..",
                        "javax..",
                        "jdk..",
                        "sun.misc",
                        "org.bouncycastle..",
                        "org.jspecify..",
                        "io.memguard..")
                .orShould()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.memguard.cli..",
                        "io.memguard.migration..",
                        "io.memguard.prove..",
                        "io.memguard.adapters.hikari..",
                        "io.memguard.adapters.postgresql..",
                        "io.memguard.adapters.spring..")
                .check(CLASSES);
    }

    /** Stores whose key is in a token open without it. */
    @Test
    void oneClassOfTheLibraryKnowsBouncyCastle() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName("io.memguard.keys.software.BouncyCastle")
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
                .resideInAnyPackage("io.memguard.store..", "io.memguard.keys..")
                .check(CLASSES);
    }

    @Test
    void keysDoNotKnowTheStore() {
        noClasses()
                .that()
                .resideInAPackage("io.memguard.keys..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.memguard.store..")
                .check(CLASSES);
    }

    /** A storage sees ciphertext and hashes: what encrypts is above it, and uses it by its interfaces alone. */
    @Test
    void theStoreKnowsNoFiles() {
        noClasses()
                .that()
                .resideInAPackage("io.memguard.store..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.memguard.storage.directory", "java.nio.file..")
                .orShould()
                .dependOnClassesThat(fileCalls())
                .check(CLASSES);
    }

    @Test
    void storagesKnowNeitherKeysNorTheStore() {
        noClasses()
                .that()
                .resideInAPackage("io.memguard.storage..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.memguard.store..", "io.memguard.keys..")
                .check(CLASSES);
        noClasses()
                .that()
                .resideInAPackage("io.memguard.storage")
                .and()
                .doNotHaveSimpleName("Attachments") // A directory's, for providers that keep files of their own there.
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.memguard.os", "io.memguard.memory", "java.nio.file..")
                .check(CLASSES);
    }

    @Test
    void onlyTheDirectoryAndSourcesOfKeysUseFiles() {
        noClasses()
                .that()
                .resideOutsideOfPackages("io.memguard.storage.directory", "io.memguard.keys..", "io.memguard.os")
                .should()
                .dependOnClassesThat(DescribedPredicate.describe(
                        "are calls for files of a store",
                        type -> type.getPackageName().equals("io.memguard.os")
                                && FILE_CALLS_OF_STORES.contains(type.getSimpleName())))
                .check(CLASSES);
    }

    private static DescribedPredicate<JavaClass> fileCalls() {
        return DescribedPredicate.describe(
                "are calls for files",
                type -> type.getPackageName().equals("io.memguard.os")
                        && !Set.of("FileErrors", "Forgotten").contains(type.getSimpleName()));
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

    /** Native code asks no arena, no bounds and no protection: a fault in it ends the process. */
    @Test
    void onlyThePackagesThatCallNativeCodeMakeAddressesOfSegmentsOrSegmentsOfAddresses() {
        noClasses()
                .that()
                .resideOutsideOfPackages(
                        "io.memguard.memory", "io.memguard.os", "io.memguard.keys.pkcs11", "io.memguard.ffi..")
                .should()
                .callMethodWhere(JavaCall.Predicates.target(
                                HasOwner.Predicates.With.owner(HasName.Predicates.name(MemorySegment.class.getName())))
                        .and(JavaCall.Predicates.target(
                                HasName.Predicates.nameMatching("address|ofAddress|reinterpret"))))
                .check(CLASSES);
    }

    @Test
    void whatTakesASegmentOfACallerHasAddressesLookAtItFirst() {
        methods()
                .that()
                .arePublic()
                .and()
                .areDeclaredInClassesThat()
                .resideInAnyPackage("io.memguard", "io.memguard.keys")
                .and(DescribedPredicate.describe(
                        "take a segment",
                        method -> !method.getModifiers().contains(JavaModifier.ABSTRACT)
                                && !method.getOwner().getSimpleName().equals("JcaStoreKey") // It calls no native code.
                                && method.getRawParameterTypes().stream()
                                        .anyMatch(type -> type.isEquivalentTo(MemorySegment.class))))
                .should(new ArchCondition<JavaMethod>("have Addresses look at it") {
                    @Override
                    public void check(JavaMethod method, ConditionEvents events) {
                        if (!reaches(method, 4)) {
                            events.add(SimpleConditionEvent.violated(method, method.getFullName() + " does not"));
                        }
                    }
                })
                .check(CLASSES);
    }

    private static boolean reaches(JavaCodeUnit unit, int steps) {
        return unit.getMethodCallsFromSelf().stream()
                .anyMatch(call -> call.getTargetOwner().isEquivalentTo(Addresses.class)
                        || (steps > 0
                                && call.getTargetOwner().getPackageName().startsWith("io.memguard")
                                && call.getTarget()
                                        .resolveMember()
                                        .filter(member -> reaches(member, steps - 1))
                                        .isPresent()));
    }
}
