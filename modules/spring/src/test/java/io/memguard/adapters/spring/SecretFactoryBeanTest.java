package io.memguard.adapters.spring;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.OpenMode;
import io.memguard.Secret;
import io.memguard.Secrets;
import io.memguard.adapters.OpenStore;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.beans.factory.BeanCreationException;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** A real Spring context with secrets as beans. */
class SecretFactoryBeanTest {
    @TempDir
    Path temporary = Path.of("");

    /** What a service writes. */
    @Configuration
    public static class Service {
        static volatile Path store = Path.of("");

        @Bean
        public MemGuard guard() {
            return MemGuard.at(store)
                    .keys(new FixedKeys(1))
                    .mode(OpenMode.EXISTING)
                    .open();
        }

        @Bean
        public SecretFactoryBean databasePassword(MemGuard guard) {
            return new SecretFactoryBean(guard, "db/password");
        }

        @Bean
        public SecretFactoryBean token(MemGuard guard) {
            return new SecretFactoryBean(guard, "api/token");
        }

        @Bean
        public Client client(@Qualifier("databasePassword") Secret password, @Qualifier("token") Secret token) {
            return new Client(password, token);
        }
    }

    /** Who is given secrets. */
    public record Client(Secret password, Secret token) {}

    @Test
    void secretsAreInjectedByNameAndTheStoreIsClosedWithTheContext() {
        try (var store = OpenStore.in(temporary)) {
            store.put("db/password", "correct ", "horse");
            store.put("api/token", "to", "ken");
        }
        Service.store = temporary.resolve("store");
        Secret password;
        try (var context = new AnnotationConfigApplicationContext(Service.class)) {
            var client = context.getBean(Client.class);
            password = client.password();
            assertEquals("correct horse", password.<String, RuntimeException>read(Secrets::text));
            assertEquals("token", client.token().<String, RuntimeException>read(Secrets::text));
        }
        assertThrows(IllegalStateException.class, password::size);
    }

    @Test
    void aMissingSecretStopsTheStartAndIsNotNamed() {
        try (var store = OpenStore.in(temporary)) {
            store.put("db/password", "a", "b");
        }
        Service.store = temporary.resolve("store");
        var failure = assertThrows(
                BeanCreationException.class, () -> new AnnotationConfigApplicationContext(Service.class).close());
        String message = failure.getMessage();
        String cause = failure.getMostSpecificCause().getMessage();
        assertTrue(cause.contains("is not stored"), cause);
        assertTrue(message.contains("token"), message); // the bean's name
        assertFalse((message + cause).contains("api/token"), message);
    }
}
