package consumer;

import io.memguard.MemGuard;
import io.memguard.MemGuardBuilder;
import io.memguard.OpenMode;
import io.memguard.Secret;
import io.memguard.SecretBuffer;
import io.memguard.adapters.spring.SecretFactoryBean;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.ApplicationArguments;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/** A Spring Boot service: DIRECTORY PASSPHRASE-FILE. */
@SpringBootApplication
public class BootService {
    public static void main(String[] arguments) {
        try (MemGuard guard = store(arguments[0], arguments[1]).open();
                SecretBuffer value = SecretBuffer.consume("correct horse".toCharArray())) {
            guard.store("db/password", value);
        }
        Secret password;
        try (var context = SpringApplication.run(BootService.class, arguments)) {
            password = context.getBean(Client.class).password();
            System.out.println("a bean read " + password.<Long, RuntimeException>read(MemorySegment::byteSize)
                    + " bytes from " + MemGuard.class.getResource("MemGuard.class"));
        }
        try {
            password.size();
        } catch (IllegalStateException e) {
            System.out.println("the store is closed");
        }
    }

    private static MemGuardBuilder store(String directory, String passphrase) {
        return MemGuard.at(Path.of(directory)).keys(SoftwareKeys.passphrase(SecretSources.file(Path.of(passphrase))));
    }

    @Bean
    MemGuard guard(ApplicationArguments arguments) {
        var paths = arguments.getNonOptionArgs();
        return store(paths.get(0), paths.get(1)).mode(OpenMode.EXISTING).open();
    }

    @Bean
    SecretFactoryBean databasePassword(MemGuard guard) {
        return new SecretFactoryBean(guard, "db/password");
    }

    @Bean
    Client client(@Qualifier("databasePassword") Secret password) {
        return new Client(password);
    }

    record Client(Secret password) {}
}
