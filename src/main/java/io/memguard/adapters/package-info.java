/** What the adapters share; nothing here is exported. */
package io.memguard.adapters;
