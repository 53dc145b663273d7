use super::*;
use proptest::prelude::*;

#[test]
fn every_place_inside_the_page_gets_the_same_page() {
    let index = asset("/", "").unwrap();
    assert!(index.content_type.starts_with("text/html"));
    assert!(
        !index.immutable,
        "the page that names the others is asked for again"
    );
    for place in [
        "",
        "/index.html",
        "/machines",
        "/machines/0192-a",
        "jobs/1",
        "/login",
        "/restore",
    ] {
        assert_eq!(asset(place, "").as_ref(), Some(&index), "{place}");
    }
}

#[test]
fn what_can_only_be_a_file_is_missing_when_it_is_not_there() {
    for path in [
        "/assets/gone-1234.js",
        "/assets/x",
        "/api/v1/machines",
        "/favicon.ico",
        "/robots.txt",
        "/assets/../Cargo.toml",
    ] {
        assert_eq!(asset(path, "br, gzip"), None, "{path}");
    }
}

#[test]
fn a_compressed_file_is_no_address_of_its_own() {
    for file in Dist::iter().filter(|name| is_compressed_name(name)) {
        assert_eq!(asset(&file, "br"), None, "{file}");
    }
}

#[test]
fn each_file_comes_in_the_encoding_that_the_browser_takes() {
    for file in Dist::iter().filter(|name| !is_compressed_name(name)) {
        let plain = asset(&file, "identity").unwrap();
        assert_eq!(plain.encoding, None, "{file}");
        assert_ne!(
            plain.content_type, "application/octet-stream",
            "{file} has no known type"
        );
        for (coding, ending) in ENCODINGS {
            let Some(stored) = Dist::get(&format!("{file}{ending}")) else {
                continue;
            };
            let found = asset(&file, coding).unwrap();
            assert_eq!(
                (found.encoding, found.bytes),
                (Some(coding), stored.data),
                "{file}"
            );
            assert_ne!(
                found.etag, plain.etag,
                "{file}: each encoding has its own entity tag"
            );
        }
    }
}

#[test]
fn weights_of_encodings_are_heeded() {
    assert!(accepts("gzip, deflate, br", "br"));
    assert!(accepts("br;q=0.5", "br") && accepts("*", "br") && accepts("BR", "br"));
    assert!(!accepts("br;q=0", "br") && !accepts("gzip", "br") && !accepts("", "br"));
    assert!(
        !accepts("*, br;q=0", "br"),
        "what is named weighs more than the star"
    );
}

#[test]
fn the_policy_allows_nothing_inline_and_nothing_foreign() {
    assert!(!CONTENT_SECURITY_POLICY.contains("unsafe") && !CONTENT_SECURITY_POLICY.contains("http"));
    let index = asset("/", "").unwrap();
    let html = String::from_utf8(index.bytes.into_owned()).unwrap();
    assert!(!html.contains("<style") && !html.contains("style=") && !html.contains("<script>"));
}

proptest! {
    #[test]
    fn any_path_and_any_header_are_survived(path in ".{0,80}", header in ".{0,80}") {
        let _ = asset(&path, &header);
    }
}
