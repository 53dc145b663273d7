#![doc = include_str!("../README.md")]

use rust_embed::RustEmbed;
use std::borrow::Cow;

/// A file of the page, as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The body.
    pub bytes: Cow<'static, [u8]>,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Content-Encoding`, if the body is compressed. An answer varies by `Accept-Encoding` either way.
    pub encoding: Option<&'static str>,
    /// `ETag` with its quotes: from the body's SHA-256, so each encoding has its own.
    pub etag: String,
    /// The name carries a hash of the content: the browser may keep it for ever. Everything else is asked for again.
    pub immutable: bool,
}

/// The file at `path` (with or without its leading `/`) in the best encoding that `accept_encoding` allows.
///
/// A path that names no file but could be a place inside the page (`/machines/…`) gets `index.html`, and so does `/`.
/// `None` for what can only be a file that is not there: whatever has a dot in its last part, and everything under
/// `assets/` or `api/`.
///
/// Where the page was not built, every such place gets a page that says so; see [`is_built`].
#[must_use]
pub fn asset(path: &str, accept_encoding: &str) -> Option<Asset> {
    let path = path.trim_start_matches('/');
    let plain = !path.is_empty() && !is_compressed_name(path);
    if plain && let Some(found) = encoded(path, accept_encoding) {
        return Some(found);
    }
    if !is_place(path) {
        return None;
    }
    Some(encoded(INDEX, accept_encoding).unwrap_or_else(not_built))
}

/// Whether this program carries the page. A build without it (no Node at hand) works and says so where the page would be.
#[must_use]
pub fn is_built() -> bool {
    Dist::get(INDEX).is_some()
}

/// The policy to send with every file of the page (`Content-Security-Policy`): no inline script or style, nothing from
/// elsewhere, no frame around it.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

const INDEX: &str = "index.html";

/// What `npm run build` left in `dist/`, embedded in every profile.
#[derive(RustEmbed)]
#[folder = "dist"]
#[allow_missing = true]
struct Dist;

/// Encodings that files are stored in, the smaller one first, with their file name endings.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

fn is_compressed_name(path: &str) -> bool {
    ENCODINGS.iter().any(|(_, ending)| path.ends_with(ending))
}

/// Whether a path may be a place inside the page.
fn is_place(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    path == INDEX || (!matches!(first, "assets" | "api") && !last.contains('.'))
}

fn encoded(path: &str, accept_encoding: &str) -> Option<Asset> {
    let accepted = ENCODINGS
        .iter()
        .filter(|(encoding, _)| accepts(accept_encoding, encoding))
        .find_map(|(encoding, ending)| Some((Dist::get(&format!("{path}{ending}"))?, Some(*encoding))));
    let (file, encoding) = match accepted {
        Some(found) => found,
        None => (Dist::get(path)?, None),
    };
    Some(Asset {
        etag: etag(&file.metadata.sha256_hash()),
        bytes: file.data,
        content_type: content_type(path),
        encoding,
        immutable: path.starts_with("assets/"),
    })
}

/// The first 128 bits are enough to tell two builds of a file apart.
fn etag(sha256: &[u8]) -> String {
    let digits: String = sha256.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// Whether `Accept-Encoding` (RFC 9110 §12.5.3) names a coding, or `*`, with a weight above zero.
fn accepts(accept_encoding: &str, coding: &str) -> bool {
    let weight_of = |wanted: &str| {
        accept_encoding.split(',').find_map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            parts.next().filter(|name| name.eq_ignore_ascii_case(wanted))?;
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            Some(weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)))
        })
    };
    weight_of(coding).or_else(|| weight_of("*")).unwrap_or(false)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// What stands where the page would be.
fn not_built() -> Asset {
    Asset {
        bytes: Cow::Borrowed(include_bytes!("not-built.html")),
        content_type: "text/html; charset=utf-8",
        encoding: None,
        etag: "\"not-built\"".to_owned(),
        immutable: false,
    }
}

#[cfg(test)]
mod tests;
