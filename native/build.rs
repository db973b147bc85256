//! Says where libsodium lies at run time: beside this library, and for the tests in a directory that cargo searches.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-env-changed=SODIUM_LIB_DIR");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-rpath,$ORIGIN");
    // Thread-local destructors and the fork handler must stay mapped when a class loader is unloaded.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    if let (Ok(from), Ok(to)) = (env::var("SODIUM_LIB_DIR"), env::var("OUT_DIR")) {
        let library = Path::new(&from).join("libsodium.so.26");
        println!("cargo:rerun-if-changed={}", library.display());
        // An rpath would do for tests/, but not for the unit tests without ending up in the library itself.
        fs::copy(&library, Path::new(&to).join("libsodium.so.26")).expect("libsodium: run build.sh once");
        println!("cargo:rustc-link-search=native={to}");
    }
}
