//! A plain web server for a folder: what stands beside Ringdown where somebody else's pages come from their own place.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

/// How long a browser may take to say what it wants: Chromium opens connections in advance.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder served over HTTP on a free port of 127.0.0.1, until the test run ends.
#[derive(Debug, Clone, Copy)]
pub struct WebServer {
    /// Where it listens.
    pub addr: SocketAddr,
}

impl WebServer {
    /// Serves `root`; `missing` says in words how the folder is made.
    pub fn start(root: &Path, missing: &str) -> Result<Self> {
        let root = root
            .canonicalize()
            .with_context(|| format!("no {}: {missing}", root.display()))?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let root = root.clone();
                std::thread::spawn(move || answer(&stream, &root));
            }
        });
        Ok(Self { addr })
    }

    /// The origin of its pages, as a browser writes it.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.addr)
    }
}

/// One request, one answer. A browser that goes away in between is nobody's loss.
fn answer(stream: &TcpStream, root: &Path) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let target = request.split(' ').nth(1).unwrap_or_default();
    let file = inside(root, target).and_then(|path| Some((std::fs::read(&path).ok()?, path)));
    let (status, kind, body) = match &file {
        Some((body, path)) => ("200 OK", media_type(path), body.as_slice()),
        // Nobody asked for it but the browser, and Chromium calls its absence an error of the page.
        None if target == "/favicon.ico" => ("204 No Content", "image/x-icon", b"".as_slice()),
        None => ("404 Not Found", "text/plain", b"not here\n".as_slice()),
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)
}

/// The file that a request's target names, never one outside `root`.
fn inside(root: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let plain = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    plain.then(|| root.join(path))
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|end| end.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("jpg") => "image/jpeg",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("mp3") => "audio/mpeg",
        Some("mp4") => "video/mp4",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::folder::Folder;

    fn get(server: WebServer, target: &str) -> String {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn gives_what_is_in_the_folder_and_nothing_else() {
        let folder = Folder::new().unwrap();
        let root = folder.inner("pages").unwrap();
        std::fs::write(root.join("page.html"), "<p>hello").unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        let server = WebServer::start(&root, "made above").unwrap();
        let page = get(server, "/page.html?x=1");
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        assert!(
            page.contains("text/html") && page.ends_with("<p>hello"),
            "{page}"
        );
        for target in ["/none.html", "/../secret", "/x/../../secret", "//secret"] {
            let answer = get(server, target);
            assert!(answer.starts_with("HTTP/1.1 404"), "{target}: {answer}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_told_with_the_way_to_it() {
        let error = WebServer::start(Path::new("no/such/folder"), "make it").unwrap_err();
        assert!(format!("{error:#}").contains("make it"), "{error:#}");
    }
}
