/** A service as a module; from the class path nobody reads this. */
module consumer {
    requires io.memguard;
}
