//! The SDK and the phone pages, from the binary itself or (`--web DIR`) from a folder.

use std::path::{Component, Path, PathBuf};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use include_dir::{Dir, include_dir};

static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../web/sdk");
static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../web/pages");

/// No inline script or style, nothing from elsewhere, no framing (threat model: XSS by SIP names).
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; \
     media-src 'self' blob:; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

/// What the pages find filled in when the server is a demo.
#[derive(Debug, Clone)]
pub(crate) struct DemoValues {
    /// Login and password of the test PBX.
    pub(crate) login: String,
    /// Its password.
    pub(crate) password: String,
    /// The PBX's host.
    pub(crate) domain: String,
    /// The PBX's port.
    pub(crate) port: u16,
    /// What to dial first.
    pub(crate) callee: String,
}

/// Where pages come from.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    folder: Option<PathBuf>,
    demo: Option<DemoValues>,
}

impl Pages {
    /// From `folder` (with `sdk/` and `pages/` in it), else from the binary.
    pub(crate) fn new(folder: Option<PathBuf>, demo: Option<DemoValues>) -> Self {
        Self { folder, demo }
    }

    pub(super) fn serve(&self, path: &str, headers: &HeaderMap) -> Response {
        match path {
            "/" => return Redirect::to("/pages/").into_response(),
            "/phone" | "/phone/" => return Redirect::to("/pages/phone/").into_response(),
            "/phone-video" | "/phone-video/" => {
                return Redirect::to("/pages/phone-video/").into_response();
            }
            "/favicon.ico" => return StatusCode::NO_CONTENT.into_response(),
            "/config.json" => return self.config(headers),
            _ => {}
        }
        let relative = path.trim_start_matches('/');
        let relative = match relative {
            "" => "pages/index.html".to_owned(),
            folder if folder.ends_with('/') => format!("{folder}index.html"),
            file => file.to_owned(),
        };
        match self.read(&relative) {
            Some(body) => file(&relative, body),
            None if self.read(&format!("{relative}/index.html")).is_some() => {
                Redirect::to(&format!("/{relative}/")).into_response()
            }
            None => (StatusCode::NOT_FOUND, "There is no such page. Start at /\n").into_response(),
        }
    }

    fn read(&self, relative: &str) -> Option<Vec<u8>> {
        let path = Path::new(relative);
        if !path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
        {
            return None;
        }
        if let Some(folder) = &self.folder {
            let inside = path.starts_with("sdk") || path.starts_with("pages");
            return inside
                .then(|| std::fs::read(folder.join(path)).ok())
                .flatten();
        }
        let file = if let Ok(rest) = path.strip_prefix("sdk") {
            SDK.get_file(rest)
        } else {
            PAGES.get_file(path.strip_prefix("pages").ok()?)
        };
        file.map(|file| file.contents().to_vec())
    }

    /// `{"demo":false}`, or the values the demo's pages start with.
    fn config(&self, headers: &HeaderMap) -> Response {
        let body = match &self.demo {
            None => serde_json::json!({ "demo": false }),
            Some(demo) => {
                let host = headers
                    .get(header::HOST)
                    .and_then(|host| host.to_str().ok())
                    .unwrap_or("127.0.0.1");
                serde_json::json!({
                    "demo": true,
                    "urlServer": format!("ws://{host}"),
                    "sipLogin": demo.login,
                    "sipAuthenticationName": demo.login,
                    "sipPassword": demo.password,
                    "sipDomain": demo.domain,
                    "sipOutboundProxy": demo.domain,
                    "sipPort": demo.port.to_string(),
                    "callee": demo.callee,
                })
            }
        };
        (
            [
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, "no-store"),
            ],
            body.to_string(),
        )
            .into_response()
    }
}

fn file(name: &str, body: Vec<u8>) -> Response {
    let content_type = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "webmanifest") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, body).into_response()
}
