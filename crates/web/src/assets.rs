//! The page's files, as they were built from `page/`.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::fault::Fault;

/// Name, content type, content; in the order of names.
const FILES: [(&str, &str, &[u8]); 3] = [
    (
        "app.css",
        "text/css; charset=utf-8",
        include_bytes!("../dist/app.css"),
    ),
    (
        "app.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../dist/app.js"),
    ),
    (
        "index.html",
        "text/html; charset=utf-8",
        include_bytes!("../dist/index.html"),
    ),
];

/// SHA-256 over the page's files, each as its name, a zero byte, its length (8 bytes, big-endian)
/// and its content, in the order of names.
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

/// The file of that path, to the letter; the page itself for `/`.
pub(crate) fn serve(path: &str) -> Result<Response, Fault> {
    let name = if path == "/" {
        "index.html"
    } else {
        path.strip_prefix('/').unwrap_or(path)
    };
    let file = FILES.iter().find(|(file, ..)| *file == name);
    let (_, kind, content) =
        file.ok_or_else(|| Fault::not_found("there is nothing at this address"))?;
    Ok(([(header::CONTENT_TYPE, *kind)], *content).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stand_in_order_and_have_their_own_names_alone() {
        assert!(FILES.is_sorted_by(|a, b| a.0 < b.0));
        for (name, ..) in FILES {
            assert!(serve(&format!("/{name}")).is_ok());
            for path in [
                format!("//{name}"),
                format!("/./{name}"),
                format!("/{name}/"),
                format!("/dist/{name}"),
                name.to_owned() + "%00",
            ] {
                assert!(serve(&path).is_err(), "{path}");
            }
        }
    }
}
