//! Another machine in the case's network: a namespace of its own, joined to the case's namespace by one cable.
//!
//! The case's namespace routes the machine's addresses over that cable and no other, so nobody else ever receives what is
//! sent to them. What a machine sends may carry any source address that it has, and no machine filters by it: an
//! injector can spoof a source, as on networks without ingress filtering (BCP 38).

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{ADDRESS, INSIDE};
use crate::folder::Folder;
use crate::process::Process;

/// Makes the cable. `$0`: the name of its end here; `$1`: the process in the other namespace; `$2`: our address.
const CABLE: &str = r#"
set -e
ip link add "$0" type veth peer name out netns "$1"
ip link set "$0" addrgenmode none
echo 0 > "/proc/sys/net/ipv4/conf/all/rp_filter"
echo 0 > "/proc/sys/net/ipv4/conf/$0/rp_filter"
ip link set "$0" up
nsenter --net="/proc/$1/ns/net" sh -ec '
ip link set lo up
ip link set out addrgenmode none
ip link set out up
ip route add default dev out'
"#;
/// Gives the machine an address. The names as in [`CABLE`]; `$3`: the address.
const ADDRESS_OF_ITS_OWN: &str = r#"
set -e
nsenter --net="/proc/$1/ns/net" ip address add "$3/32" dev out
ip route add "$3/32" dev "$0" src "$2"
"#;
/// Gives the machine an address that belongs to another machine. The names as in [`ADDRESS_OF_ITS_OWN`].
const SPOOFED_ADDRESS: &str = r#"
set -e
nsenter --net="/proc/$1/ns/net" ip address add "$3/32" dev lo
"#;
const START: Duration = Duration::from_secs(10);

/// A machine. Its namespace ends with this value and with the last socket made there.
#[derive(Debug)]
pub struct Machine {
    cable: String,
    namespace: File,
    process: Process,
}

impl Machine {
    /// Joins a machine with these addresses. Works only inside [`super::case`]; the name has at most 12 letters.
    pub fn join(folder: &Folder, name: &str, addresses: &[Ipv4Addr]) -> Result<Self> {
        ensure!(
            std::env::var_os(INSIDE).is_some(),
            "a machine needs a case in a network of its own"
        );
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", "echo ready; exec sleep infinity"]);
        let mut process = Process::start(name, folder, &command)?;
        process.line("the namespace", START, |line| line == "ready")?;
        let namespace = File::open(format!("/proc/{}/ns/net", process.id()))?;
        let machine = Self {
            cable: format!("to-{name}"),
            namespace,
            process,
        };
        machine.shell(CABLE, None)?;
        for address in addresses {
            machine.shell(ADDRESS_OF_ITS_OWN, Some(*address))?;
        }
        Ok(machine)
    }

    /// Lets the machine send from the address of another machine. Answers to it still go to the other one.
    pub fn spoof(&self, address: Ipv4Addr) -> Result<()> {
        self.shell(SPOOFED_ADDRESS, Some(address))
    }

    /// Does something in the machine's namespace. The sockets made there stay there, whoever uses them.
    pub fn run<T: Send>(&self, body: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let network = Some(LinkNameSpaceType::Network);
        // A namespace is that of a thread, so a thread is what goes there; it does not come back.
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(std::os::fd::AsFd::as_fd(&self.namespace), network)?;
                body()
            });
            let done = thread.join();
            done.map_err(|_| anyhow::anyhow!("the thread in {} panicked", self.cable))?
        })
    }

    /// A UDP socket on the machine.
    pub fn socket(&self, address: SocketAddr) -> Result<UdpSocket> {
        let bound = self.run(|| Ok(UdpSocket::bind(address)?));
        bound.with_context(|| format!("no socket at {address} beyond {}", self.cable))
    }

    fn shell(&self, script: &str, address: Option<Ipv4Addr>) -> Result<()> {
        let mut command = Command::new("sh");
        command.args(["-c", script, &self.cable]);
        command.args([&self.process.id().to_string(), ADDRESS]);
        command.args(address.map(|address| address.to_string()));
        let output = command.stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {said}", self.cable);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{address, case};
    use super::*;

    #[test]
    fn an_address_may_be_spoofed_and_answers_go_to_its_owner() {
        case(|folder| {
            let [owner, stranger] = [[198, 51, 100, 7], [203, 0, 113, 66]].map(Ipv4Addr::from);
            let one = Machine::join(folder, "owner", &[owner])?;
            let two = Machine::join(folder, "stranger", &[stranger])?;
            two.spoof(owner)?;
            let here = UdpSocket::bind((address(), 0))?;
            here.set_read_timeout(Some(START))?;
            let to = here.local_addr()?;
            let receiver = one.socket((owner, 4000).into())?;
            receiver.set_read_timeout(Some(START))?;
            let mut buffer = [0; 16];
            for (machine, from) in [(&two, stranger), (&two, owner), (&one, owner)] {
                let port = if machine.cable == "to-owner" {
                    4001
                } else {
                    4000
                };
                machine.socket((from, port).into())?.send_to(b"hello", to)?;
                let (_, seen) = here.recv_from(&mut buffer)?;
                assert_eq!(seen, (from, port).into());
            }
            here.send_to(b"back", (owner, 4000))?;
            let (length, _) = receiver.recv_from(&mut buffer)?;
            assert_eq!(&buffer[..length], b"back");
            Ok(())
        });
    }
}
