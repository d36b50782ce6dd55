//! A network of a case's own: two addresses that are not loopback, a default route that leads nowhere, nothing else.
//!
//! Firefox takes no address of 127.0.0.0/8 for ICE and none without a default route. The case runs again as a process in
//! a new network namespace and does everything there: its peers, its browsers and its own sockets. It begins when the
//! network has settled, since a browser drops a page that loads while an address appears (`ERR_NETWORK_CHANGED`). Nothing
//! is left over: the namespace ends with its last process. No root is needed where a user may make namespaces.
//!
//! A case may join other machines to that network ([`Machine`]), each in a namespace of its own.

mod machine;

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

pub use self::machine::Machine;
use crate::folder::{self, Folder};
use crate::{browser, ringdown, wait};

/// Says to the process inside what its address is.
const INSIDE: &str = "RINGDOWN_TESTS_ADDRESS";
const ADDRESS: &str = "10.77.0.2";
const SECOND_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);
/// How long the kernel may take to bring the network up.
const SETTLED: Duration = Duration::from_secs(10);
/// Makes the network, then becomes the program given. The interfaces make no IPv6 address of their own, which would be
/// tentative for a second or two (RFC 4862 section 5.4) and nothing here uses.
const MAKE: &str = r#"
set -e
ip link set lo up
ip link add one type veth peer name two
ip link set one addrgenmode none
ip link set two addrgenmode none
ip address add "$0/24" dev one
ip address add "$1/24" dev one
ip link set one up
ip link set two up
ip route add default via "$0" dev one
shift
exec "$@"
"#;

/// The address where this process and its peers live: 127.0.0.1, or the namespace's own.
#[must_use]
pub fn address() -> IpAddr {
    let inside = std::env::var(INSIDE).ok();
    inside
        .and_then(|address| address.parse().ok())
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// Another address of this machine, for a peer that shall not live where the others do.
#[must_use]
pub fn second_address() -> IpAddr {
    if std::env::var_os(INSIDE).is_some() {
        IpAddr::V4(SECOND_ADDRESS)
    } else {
        IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))
    }
}

/// [`folder::case`] in a network of its own. To be called with a closure written in the test itself: its type names the
/// test, and by that name the case is found again inside.
pub fn case<F: FnOnce(&Folder) -> Result<()>>(body: F) {
    if std::env::var_os(INSIDE).is_some() {
        folder::case(|folder| {
            wait_until_settled()?;
            body(folder)
        });
    } else if let Err(error) = run_inside(std::any::type_name::<F>()) {
        panic!("{error:#}");
    }
}

fn run_inside(closure: &str) -> Result<()> {
    let path: Vec<&str> = closure
        .split("::")
        .filter(|part| !part.starts_with('{'))
        .collect();
    let name = path.get(1..).context("no test's closure")?.join("::");
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--", "unshare", "--net"]);
    if !is_root()? {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", MAKE, ADDRESS, &SECOND_ADDRESS.to_string()]);
    command.arg(std::env::current_exe()?);
    command.args([OsStr::new("--exact"), OsStr::new(&name)]);
    command.args(["--nocapture", "--test-threads", "1"]);
    command
        .env_remove(browser::SHARED) // it has no way into the network
        .env(INSIDE, ADDRESS)
        .env("RINGDOWN_BIN", ringdown::binary()?);
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("cannot start setpriv")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(
        output.status.success() && said.contains("1 passed"),
        "{name} in a network of its own ended with {}:\n{said}",
        output.status
    );
    Ok(())
}

/// Waits until all interfaces are up, no address is tentative, and our addresses and the default route are there.
fn wait_until_settled() -> Result<()> {
    let mut unsettled = String::new();
    let settled = wait::until_true("the case's own network", SETTLED, || {
        let state = unsettled_part(&ip(&["address"])?, &ip(&["route"])?);
        unsettled = state.clone().unwrap_or_default();
        Ok(state.is_none())
    });
    settled.with_context(|| unsettled)
}

/// What `ip` says in JSON about addresses or routes.
fn ip(object: &[&str]) -> Result<Value> {
    let output = Command::new("ip")
        .arg("-json")
        .args(object)
        .stdin(Stdio::null())
        .output()
        .context("cannot start ip")?;
    if !output.status.success() {
        bail!("ip failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What is not ready yet, in words, of the interfaces and routes that `ip` lists.
fn unsettled_part(interfaces: &Value, routes: &Value) -> Option<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut wanted = vec![ADDRESS.to_owned(), SECOND_ADDRESS.to_string()];
    let is_ours = |interface: &Value| {
        let name = interface["ifname"].as_str().unwrap_or_default();
        // A kernel may put idle tunnels into every namespace.
        ["lo", "one", "two"].contains(&name)
    };
    for interface in list(interfaces).iter().filter(|it| is_ours(it)) {
        // A loopback interface never says that it is up.
        if !["UP", "UNKNOWN"]
            .map(Value::from)
            .contains(&interface["operstate"])
        {
            return Some(format!("{} is not up", interface["ifname"]));
        }
        for address in list(&interface["addr_info"]) {
            if address["tentative"] == true {
                return Some(format!("{} is tentative", address["local"]));
            }
            wanted.retain(|wanted| address["local"] != *wanted);
        }
    }
    if let Some(missing) = wanted.first() {
        return Some(format!("{missing} is not there"));
    }
    let leads_out = |route: &Value| route["dst"] == "default";
    (!list(routes).iter().any(leads_out)).then(|| "there is no default route".to_owned())
}

fn is_root() -> Result<bool> {
    let id = Command::new("id")
        .arg("-u")
        .output()
        .context("cannot start id")?;
    Ok(id.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use serde_json::json;

    use super::*;

    #[test]
    fn the_address_is_there_and_nowhere_else_is() {
        assert!(std::env::var_os(INSIDE).is_some() || UdpSocket::bind((ADDRESS, 0)).is_err());
        case(|_| {
            assert_eq!(address().to_string(), ADDRESS);
            let listener = TcpListener::bind((address(), 0))?;
            std::net::TcpStream::connect(listener.local_addr()?)?;
            Ok(())
        });
    }

    #[test]
    fn a_network_is_settled_when_everything_in_it_is() {
        let interface = |state: &str, tentative: bool| {
            json!([
                { "ifname": "lo", "operstate": "UNKNOWN", "addr_info": [{ "local": "127.0.0.1" }] },
                { "ifname": "one", "operstate": state, "addr_info": [
                    { "local": ADDRESS },
                    { "local": SECOND_ADDRESS.to_string() },
                    { "local": "fe80::1", "tentative": tentative },
                ] },
            ])
        };
        let routes = json!([{ "dst": "default", "gateway": ADDRESS, "dev": "one" }]);
        let said = |interfaces: Value, routes: Value| {
            unsettled_part(&interfaces, &routes).unwrap_or_default()
        };
        assert_eq!(said(interface("UP", false), routes.clone()), "");
        assert!(said(interface("DOWN", false), routes.clone()).contains("not up"));
        assert!(said(interface("UP", true), routes.clone()).contains("tentative"));
        assert!(said(interface("UP", false), json!([])).contains("no default route"));
        assert!(said(json!([]), routes).contains(ADDRESS));
    }

    #[test]
    fn what_fails_inside_fails_outside() {
        let outside = std::env::var_os(INSIDE).is_none();
        let failed = std::panic::catch_unwind(|| case(|_| anyhow::bail!("a word from inside")));
        let told = *failed.unwrap_err().downcast::<String>().unwrap();
        assert!(told.contains("a word from inside"), "{told}");
        // Inside, the failure is the outcome that is looked at outside.
        assert!(outside, "{told}");
    }
}
