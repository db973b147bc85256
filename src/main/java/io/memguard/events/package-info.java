/** Events for JDK Flight Recorder; none carries the name of a secret or anything of its value. */
package io.memguard.events;
