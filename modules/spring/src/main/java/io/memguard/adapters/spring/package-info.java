/** Secrets as beans. */
package io.memguard.adapters.spring;
