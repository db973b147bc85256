//! The header that is checked in is the one that the exports give.

use std::path::Path;

const TOP: &str = "/*
 * libmemguard_ffi: secrets sealed in memory, opened into protected windows; keys that are used where they lie.
 * Generated from native/src/exports.rs, symmetric_exports.rs, key_exports.rs; `UPDATE_HEADER=1 cargo test --test header` writes it anew.
 */";

#[test]
fn the_header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config {
        language: cbindgen::Language::C,
        header: Some(TOP.into()),
        include_guard: Some("MEMGUARD_H".into()),
        no_includes: true,
        sys_includes: vec!["stdint.h".into()],
        cpp_compat: true,
        documentation_style: cbindgen::DocumentationStyle::C99,
        style: cbindgen::Style::Both,
        export: cbindgen::ExportConfig {
            exclude: vec!["PAGE".into()],
            ..Default::default()
        },
        ..Default::default()
    };
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in [
        "status.rs",
        "protect/region.rs",
        "windows/table.rs",
        "exports.rs",
        "symmetric_exports.rs",
        "key_exports.rs",
    ] {
        builder = builder.with_src(root.join("src").join(file));
    }
    let mut fresh = Vec::new();
    builder.generate().expect("cbindgen").write(&mut fresh);
    let fresh = String::from_utf8(fresh).expect("UTF-8");
    let file = root.join("include/memguard.h");
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(&file, &fresh).expect("written");
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == fresh,
        "include/memguard.h is out of date: UPDATE_HEADER=1 cargo test --test header"
    );
}
