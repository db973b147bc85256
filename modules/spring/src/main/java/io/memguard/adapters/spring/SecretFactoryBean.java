package io.memguard.adapters.spring;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secret;
import java.util.Objects;
import org.springframework.beans.factory.FactoryBean;

/**
 * A handle on one secret as a Spring bean, for Spring 6 and 7. The context does not start where the secret is not stored.
 *
 * <pre>{@code
 * @Bean
 * MemGuard guard() {                                   // closed with the context
 *     return MemGuard.at(directory).keys(…).mode(OpenMode.EXISTING).open();
 * }
 *
 * @Bean
 * SecretFactoryBean databasePassword(MemGuard guard) { // inject it as: @Qualifier("databasePassword") Secret password
 *     return new SecretFactoryBean(guard, "db/password");
 * }
 * }</pre>
 *
 * <p>It is a handle and no property source by intent. A property is a String: the environment, caches of bean definitions
 * and whatever a value was bound to keep it for as long as the context lives, {@code /actuator/env} and
 * {@code /actuator/configprops} may show it, and a replaced one is seen after a restart only. {@code ${…}} of a secret is
 * what this library exists to avoid.
 *
 * <p><b>On the heap</b>: nothing; {@link Secret#read} lends native memory.
 */
@SuppressWarnings("exports") // Its users have Spring.
public final class SecretFactoryBean implements FactoryBean<Secret> {
    private final MemGuard guard;
    private final String name;

    /** Of a store, which stays its owner's to close, and a name in it. */
    public SecretFactoryBean(MemGuard guard, String name) {
        this.guard = Objects.requireNonNull(guard);
        this.name = Objects.requireNonNull(name);
    }

    /**
     * The handle.
     *
     * @throws MemGuardException {@link ErrorCode#RETRIEVE_FAILED} where nothing is stored under the name, which is not
     *     told: Spring tells the bean's
     */
    @Override
    public Secret getObject() {
        return guard.secret(name)
                .orElseThrow(() -> new MemGuardException(
                        ErrorCode.RETRIEVE_FAILED,
                        "the secret of this bean is not stored; store it (memguard store), then start again"));
    }

    @Override
    public Class<?> getObjectType() {
        return Secret.class;
    }
}
