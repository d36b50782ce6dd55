//! Packages of Debian and npm: which, and why. Only what is missing is installed, and no service is started.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::root;

/// A package of Debian and what it is for.
pub(crate) struct Package {
    name: &'static str,
    why: &'static str,
}

/// What a build needs.
pub(crate) const BUILD: &[Package] = &[Package {
    name: "build-essential",
    why: "C compiler and linker; the crypto under TLS and WebRTC is C",
}];

/// What the tests need beyond that.
pub(crate) const TEST: &[Package] = &[
    Package {
        name: "chromium",
        why: "the browser on our pages",
    },
    Package {
        name: "kamailio",
        why: "the SIP proxy and registrar between page and phone",
    },
    Package {
        name: "kamailio-tls-modules",
        why: "the proxy's TLS",
    },
    Package {
        name: "baresip-core",
        why: "the SIP phone",
    },
    Package {
        name: "baresip-ffmpeg",
        why: "the phone's H.264, and the film that is its camera",
    },
    Package {
        name: "sip-tester",
        why: "SIPp: SIP peers that follow a script",
    },
    Package {
        name: "ffmpeg",
        why: "reads the pictures that the phone decoded",
    },
    Package {
        name: "firefox-esr",
        why: "the other browser on our pages",
    },
    Package {
        name: "pulseaudio",
        why: "the loudspeaker without which Firefox' Web Audio stands still",
    },
    Package {
        name: "rtpengine-daemon",
        why: "the media relay of a SIP server that proxies RTP, too",
    },
    Package {
        name: "iproute2",
        why: "makes the network in which Firefox finds an address that is not loopback",
    },
    Package {
        name: "tshark",
        why: "a stranger's eyes on every packet of a call",
    },
];

/// Runs as root: installs the packages given as arguments, and shows apt's thousand lines only when it fails. The services
/// that come with some of them must not start (they would take the ports of the tests), which Debian asks of
/// /usr/sbin/policy-rc.d; one that is there already is left alone.
const INSTALL: &str = r#"
set -e
log=$(mktemp)
trap 'rm -f "$log"' EXIT
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy" "$log"' EXIT
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install --yes --no-install-recommends "$@"; }
install "$@" > "$log" 2>&1 || { apt-get update && install "$@"; } > "$log" 2>&1 || { cat "$log"; exit 1; }
"#;

/// Installs those that are missing, saying which and why.
pub(crate) fn packages(packages: &[Package]) -> Result<()> {
    let mut missing = Vec::new();
    for package in packages {
        if !is_installed(package.name)? {
            println!("installing {}: {}", package.name, package.why);
            missing.push(package.name);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    println!("(apt-get is at work; many packages take some minutes)");
    let status = as_root()?
        .args(["sh", "-c", INSTALL, "sh"])
        .args(&missing)
        .status()
        .context("cannot start sh")?;
    if !status.success() {
        bail!(
            "apt-get could not install {}; install them by hand and try again",
            missing.join(" ")
        );
    }
    Ok(())
}

/// A folder whose package-lock.json pins npm packages, and what they are for.
const NPM: &[(&str, &str)] = &[
    (
        "web",
        "TypeScript checks the SDK, puppeteer-core drives the browser",
    ),
    (
        "tests/published-sdk",
        "the published WebSDK, whose pages must work unchanged",
    ),
];

/// Node.js and npm from PATH, else from Debian; then the npm packages that the lock files pin.
pub(crate) fn node() -> Result<()> {
    if !answers("node") || !answers("npm") {
        packages(&[
            Package {
                name: "nodejs",
                why: "runs the SDK's tests and drives the browser",
            },
            Package {
                name: "npm",
                why: "installs TypeScript and the browser's driver",
            },
        ])?;
    }
    NPM.iter()
        .try_for_each(|(folder, why)| npm_packages(&root().join(folder), why))
}

/// Installs what the folder's lock file pins, unless that is done; no package runs a script of its own.
fn npm_packages(folder: &Path, why: &str) -> Result<()> {
    if is_newer(
        &folder.join("node_modules/.package-lock.json"),
        &folder.join("package-lock.json"),
    ) {
        return Ok(());
    }
    println!("installing npm packages in {}: {why}", folder.display());
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(folder)
        .stdin(Stdio::null());
    if !npm.status().context("cannot start npm")?.success() {
        bail!("`npm ci` failed in {}", folder.display());
    }
    Ok(())
}

fn is_installed(package: &str) -> Result<bool> {
    let mut query = Command::new("dpkg-query");
    query
        .args(["--show", "--showformat", "${db:Status-Status}", package])
        .stdin(Stdio::null());
    let output = query.output();
    let output = output.context(
        "no dpkg-query: this is no Debian. Install the packages named in xtask/src/install.rs",
    )?;
    Ok(output.stdout == b"installed")
}

/// `env` as root, or `sudo` for everyone else; the command and its arguments follow.
fn as_root() -> Result<Command> {
    let id = Command::new("id")
        .arg("-u")
        .output()
        .context("cannot start id")?;
    let root = id.stdout.trim_ascii() == b"0";
    if !root && !answers("sudo") {
        bail!("packages are missing (see above), and this is neither root nor is there sudo");
    }
    Ok(Command::new(if root { "env" } else { "sudo" }))
}

fn answers(program: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn is_newer(file: &Path, than: &Path) -> bool {
    let time = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    time(file).is_some_and(|time_of_file| time(than).is_some_and(|than| time_of_file >= than))
}
