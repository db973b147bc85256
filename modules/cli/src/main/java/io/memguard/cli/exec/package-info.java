/** What a command that takes the place of memguard is given: descriptors, environment, and the process itself. */
package io.memguard.cli.exec;
