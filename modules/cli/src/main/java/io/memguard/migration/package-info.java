/**
 * Reads secrets out of what others keep them in, once. JCA does the work there, so passwords and values pass over the heap
 * of this one process; arrays are wiped as soon as a value is stored.
 */
package io.memguard.migration;
