//! The library that is shipped.

#[test]
fn it_names_no_folder_of_the_machine_that_built_it() {
    let root = env!("CARGO_MANIFEST_DIR");
    let beside = std::env::current_exe().unwrap().with_file_name("libmemguard_ffi.so");
    let library = std::fs::read(beside).expect("cargo made it for this test");
    let home = std::env::var("HOME").unwrap_or_default();
    let cargo = std::env::var("CARGO_HOME").unwrap_or(format!("{home}/.cargo"));
    let holds = |text: &str| library.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(holds("mg_borrow"), "this search finds what is there");
    for folder in [root, &cargo] {
        // Cargo does not notice that .cargo/rustc.sh is new or changed.
        assert!(
            !holds(folder),
            "{folder} is in it; run `cargo clean --release` if rustc.sh changed"
        );
    }
}
