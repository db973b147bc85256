/** Keys at work: a JCA provider whose keys are used without being on the heap, or anywhere in plain memory. */
package io.memguard.jca;
