/**
 * The command line. Results go to standard output and nothing else does; errors are one line on standard error; values
 * come from standard input, a file or a prompt, never from arguments.
 */
package io.memguard.cli;
