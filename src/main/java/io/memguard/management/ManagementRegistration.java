package io.memguard.management;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import java.lang.management.ManagementFactory;
import javax.management.InstanceAlreadyExistsException;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.ObjectName;

/**
 * Shows a store over JMX, on request. Its name is {@code io.memguard:type=MemGuard,store=ID} with the store's id of 32
 * hexadecimal digits; a second instance on the same store in one JVM gets {@code ,instance=2}, and so on.
 *
 * <p>A client that reaches the platform's MBean server can then delete secrets, never see one: protect JMX as the platform's
 * documentation says.
 */
public final class ManagementRegistration implements AutoCloseable {
    private final ObjectName name;

    private ManagementRegistration(ObjectName name) {
        this.name = name;
    }

    /** Registers the store; close the result before the store. */
    public static ManagementRegistration register(MemGuard guard) {
        var bean = new ManagementBean(MemGuardChannel.of(guard));
        String base = "io.memguard:type=MemGuard,store=" + guard.storeId();
        try {
            for (int instance = 1; ; instance++) {
                var name = new ObjectName(instance == 1 ? base : base + ",instance=" + instance);
                try {
                    ManagementFactory.getPlatformMBeanServer().registerMBean(bean, name);
                    return new ManagementRegistration(name);
                } catch (InstanceAlreadyExistsException e) {
                    // The next number.
                }
            }
        } catch (JMException e) {
            throw new MemGuardException(ErrorCode.SECURITY_ERROR, "the store can't be registered with JMX", e);
        }
    }

    /** Under which name it is registered. */
    public ObjectName name() {
        return name;
    }

    /** Takes it back; idempotent. */
    @Override
    public void close() {
        try {
            ManagementFactory.getPlatformMBeanServer().unregisterMBean(name);
        } catch (InstanceNotFoundException e) {
            // Closed before.
        } catch (JMException e) {
            throw new MemGuardException(ErrorCode.SECURITY_ERROR, "the store can't be unregistered from JMX", e);
        }
    }
}
