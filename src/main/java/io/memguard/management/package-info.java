/** The channel: what a console or a script may do with secrets without ever seeing one. */
package io.memguard.management;
