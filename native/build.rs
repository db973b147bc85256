//! Says where libsodium lies at run time: beside this library, and for the tests where build.sh installed it.

fn main() {
    println!("cargo:rerun-if-env-changed=SODIUM_LIB_DIR");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-rpath,$ORIGIN");
    // Thread-local destructors and the fork handler must stay mapped when a class loader is unloaded.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    if let Ok(directory) = std::env::var("SODIUM_LIB_DIR") {
        println!("cargo:rustc-link-arg-tests=-Wl,-rpath,{directory}");
    }
}
