//! The catalogue of problems: every code that the sources name stands in `docs/problems.md`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs")
            && !path.ends_with("tests.rs")
            && !path.components().any(|part| part.as_os_str() == "tests")
        {
            found.push(path);
        }
    }
}

fn is_code(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The first text literal behind each place where a problem is made, if it has the form of a code.
fn codes(source: &str) -> BTreeSet<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut codes = BTreeSet::new();
    for maker in [
        "Error::new(",
        "Refusal::new(",
        "Problem::new(",
        "Self::new(",
        "refused(",
    ] {
        for (place, _) in source.match_indices(maker) {
            let behind = &source[place + maker.len()..];
            let mut parts = behind.split('"');
            // What stands before the literal is a status or a kind, not another statement.
            let before = parts.next().unwrap_or_default();
            let literal = parts.next().unwrap_or_default();
            if !before.contains([';', '{']) && is_code(literal) {
                codes.insert(literal.to_owned());
            }
        }
    }
    codes
}

#[test]
fn every_code_that_the_sources_name_stands_in_the_catalogue_of_problems() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let catalogue = fs::read_to_string(root.join("docs/problems.md")).unwrap();
    let mut files = Vec::new();
    sources(&root.join("catalog/src"), &mut files);
    sources(&root.join("control/src"), &mut files);
    let mut found = BTreeSet::new();
    let mut missing = BTreeSet::new();
    for file in files {
        for code in codes(&fs::read_to_string(&file).unwrap()) {
            if !catalogue.contains(&format!("| `{code}` |")) {
                missing.insert(format!("{code} ({})", file.display()));
            }
            found.insert(code);
        }
    }
    assert!(
        found.len() > 40 && found.contains("changed-meanwhile"),
        "{found:?}"
    );
    assert!(missing.is_empty(), "not in docs/problems.md: {missing:#?}");
}
