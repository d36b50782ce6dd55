//! One Chromium that many cases share, each in a context of its own.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::root;

/// A running Chromium; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Chromium {
    driver: Child,
    folder: PathBuf,
}

impl Chromium {
    /// Starts it and waits until it listens.
    pub(crate) fn start() -> Result<Self> {
        let name = format!("ringdown-chromium-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder)?;
        let mut driver = Command::new("node")
            .arg(root().join("tests/js/shared_chromium.mjs"))
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start node")?;
        let said = driver.stdout.take();
        let chromium = Self { driver, folder };
        let mut line = String::new();
        if let Some(said) = said {
            BufReader::new(said).read_line(&mut line)?;
        }
        ensure!(line.trim() == "ready", "the shared Chromium does not start");
        Ok(chromium)
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.driver.try_wait(), Ok(None))
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The driver exits at the end of its stdin, which would also come if this process ended.
        drop(self.driver.stdin.take());
        let _ = self.driver.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
