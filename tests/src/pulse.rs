//! A loudspeaker that nobody hears: PulseAudio with a null sink. Firefox' Web Audio stands still where there is none.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::folder::Folder;
use crate::process::Process;
use crate::wait;

/// A running sound server.
#[derive(Debug)]
pub struct Pulse {
    socket: PathBuf,
    _process: Process,
}

impl Pulse {
    /// Starts it and waits until it listens.
    pub fn start(folder: &Folder) -> Result<Self> {
        let inner = folder.inner("pulse")?;
        let socket = inner.join("socket");
        let mut command = Command::new("pulseaudio");
        command.args([
            "-n",
            "--daemonize=no",
            "--use-pid-file=no",
            "--exit-idle-time=-1",
            "--disable-shm=yes",
        ]);
        let listen = format!(
            "module-native-protocol-unix auth-anonymous=1 socket={}",
            socket.display()
        );
        command.args([
            "-L",
            "module-null-sink rate=48000 channels=2",
            "-L",
            &listen,
        ]);
        command
            .env("HOME", &inner)
            .env("PULSE_RUNTIME_PATH", &inner)
            .env("XDG_CONFIG_HOME", &inner);
        let mut process = Process::start("pulse", folder, &command)?;
        wait::until_true("PulseAudio's socket", Duration::from_secs(10), || {
            process.alive()?;
            Ok(socket.exists())
        })?;
        Ok(Self {
            socket,
            _process: process,
        })
    }

    /// For the environment variable `PULSE_SERVER` of a program that shall play here.
    #[must_use]
    pub fn server(&self) -> String {
        let socket: &Path = &self.socket;
        format!("unix:{}", socket.display())
    }
}
