//! The embedded page as routes.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use webui::{Asset, CONTENT_SECURITY_POLICY, asset};

/// Routes of the page: files by their names, `index.html` for every place inside it.
pub fn page<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().fallback(serve_asset)
}

async fn serve_asset(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let Some(asset) = asset(uri.path(), text(header::ACCEPT_ENCODING)) else {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    };
    let unchanged = text(header::IF_NONE_MATCH)
        .split(',')
        .any(|known| known.trim() == asset.etag);
    let status = if unchanged {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    let mut response = (status, asset_headers(&asset)).into_response();
    if let Some(encoding) = asset.encoding.and_then(|encoding| encoding.parse().ok()) {
        response.headers_mut().insert(header::CONTENT_ENCODING, encoding);
    }
    if !unchanged {
        *response.body_mut() = Body::from(asset.bytes.into_owned());
    }
    response
}

fn asset_headers(asset: &Asset) -> [(header::HeaderName, String); 5] {
    // Names under assets/ carry a hash of their content; everything else is asked for again each time.
    let caching = if asset.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    [
        (header::CONTENT_TYPE, asset.content_type.to_owned()),
        (header::CACHE_CONTROL, caching.to_owned()),
        (header::ETAG, asset.etag.clone()),
        (header::VARY, "Accept-Encoding".to_owned()),
        (
            header::CONTENT_SECURITY_POLICY,
            CONTENT_SECURITY_POLICY.to_owned(),
        ),
    ]
}
