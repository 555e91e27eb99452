//! The page's files, as they were built from `page/`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// Name, content type, content.
const FILES: [(&str, &str, &[u8]); 3] = [
    ("app.css", "text/css; charset=utf-8", include_bytes!("../dist/app.css")),
    ("app.js", "text/javascript; charset=utf-8", include_bytes!("../dist/app.js")),
    ("index.html", "text/html; charset=utf-8", include_bytes!("../dist/index.html")),
];

/// SHA-256 over the page's files, each as its name, a zero byte, its length (8 bytes, big-endian) and its content, in the order of names.
pub fn bundle_hash() -> String {
    let mut hasher = Sha256::new();
    for (name, _, content) in FILES {
        hasher.update(name);
        hasher.update([0]);
        hasher.update((content.len() as u64).to_be_bytes());
        hasher.update(content);
    }
    hex::encode(hasher.finalize())
}

/// The file of that path; the page itself for `/`.
pub(crate) fn serve(path: &str) -> Response {
    let name = if path == "/" { "index.html" } else { path.trim_start_matches('/') };
    match FILES.iter().find(|(file, ..)| *file == name) {
        Some((_, kind, content)) => ([(header::CONTENT_TYPE, *kind)], *content).into_response(),
        None => (StatusCode::NOT_FOUND, "there is no such file").into_response(),
    }
}
