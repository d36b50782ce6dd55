//! rtpengine, the media relay of many SIP servers: told by the proxy, it takes the place of both ends in their SDP.

use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::folder::Folder;
use crate::process::Process;
use crate::{netns, ports, wait};

/// As many ports as a call of voice and video may need on both sides, twice over.
const MEDIA_PORTS: u16 = 40;

/// A running relay, without its kernel module.
#[derive(Debug)]
pub struct Rtpengine {
    /// Where it takes a proxy's orders (protocol `ng`).
    pub control: SocketAddr,
    /// Its RTP and RTCP ports.
    pub media: RangeInclusive<u16>,
    process: Process,
}

impl Rtpengine {
    /// Starts it and waits until it answers.
    pub fn start(folder: &Folder) -> Result<Self> {
        let control = SocketAddr::from((netns::address(), ports::free(2)?));
        let first = ports::free(MEDIA_PORTS)?;
        let last = first + MEDIA_PORTS - 1;
        let mut command = Command::new("rtpengine");
        command.args([
            "--foreground",
            "--log-stderr",
            "--log-level=6",
            "--config-file=none",
            "--table=-1",
        ]);
        command.arg(format!("--interface={}", control.ip()));
        command.arg(format!("--listen-ng={control}"));
        command
            .arg(format!("--port-min={first}"))
            .arg(format!("--port-max={last}"));
        command.arg("--num-threads=1");
        let mut relay = Self {
            control,
            media: first..=last,
            process: Process::start("rtpengine", folder, &command)?,
        };
        relay.wait_until_it_answers()?;
        Ok(relay)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let socket = UdpSocket::bind((netns::address(), 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        wait::until_true("rtpengine's pong", Duration::from_secs(15), || {
            self.process.alive()?;
            // A cookie, then a dictionary in bencode.
            socket.send_to(b"ready d7:command4:pinge", self.control)?;
            let mut answer = [0; 512];
            let answered = socket.recv(&mut answer);
            Ok(answered.is_ok_and(|length| answer[..length].ends_with(b"d6:result4:ponge")))
        })
    }
}
