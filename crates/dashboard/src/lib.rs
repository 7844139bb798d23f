#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod files;

use std::hash::{DefaultHasher, Hasher};

/// What a browser may load and where the page may connect to: the node that served it, and nothing
/// else. To be sent as the header `Content-Security-Policy` with each asset.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
     style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// The path of the page itself, as [`asset`] takes it.
pub const INDEX: &str = "index.html";

/// A file of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its content.
    pub bytes: &'static [u8],
    /// The header `Content-Type`.
    pub content_type: &'static str,
    /// The header `ETag`, with its quotes: another content has another one.
    pub etag: String,
}

/// The file at a path below the root, without a slash in front; the empty path is the page.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let path = if path.is_empty() { INDEX } else { path };
    let (path, bytes) = files::FILES.iter().find(|(known, _)| *known == path)?;
    Some(Asset {
        bytes,
        content_type: content_type(path),
        etag: etag(bytes),
    })
}

/// The paths of all files.
pub fn paths() -> impl Iterator<Item = &'static str> {
    files::FILES.iter().map(|(path, _)| *path)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// From the content alone, so that a browser keeps a file over a restart, and gets a changed one.
fn etag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    format!("\"{:016x}\"", hasher.finish())
}

#[cfg(test)]
mod tests;
