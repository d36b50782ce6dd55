//! One case with its folder: gone when the case passed; kept, and the peers' logs printed, when it failed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// How many lines of each log a failure shows.
const SHOWN: usize = 80;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Runs one case. An error is a failure like a panic; the peers have ended, and written their logs, before the folder
/// shows them.
pub fn case(body: impl FnOnce(&Folder) -> Result<()>) {
    let run = || -> Result<()> {
        let folder = Folder::new()?;
        if let Err(error) = body(&folder) {
            panic!("{error:#}");
        }
        Ok(())
    };
    if let Err(error) = run() {
        panic!("{error:#}");
    }
}

/// A fresh folder under the system's temporary folder. Its path stays under 60 characters: baresip cuts longer ones.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes `ringdown-<process>-<n>`.
    pub fn new() -> Result<Self> {
        let name = format!(
            "ringdown-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder inside and gives its path.
    pub fn inner(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.path);
            return;
        }
        for entry in std::fs::read_dir(&self.path)
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let shown = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
                eprintln!("--- {} ---\n{shown}", path.display());
            }
        }
        eprintln!("what the peers left is kept in {}", self.path.display());
    }
}
