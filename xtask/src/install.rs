//! Packages of Debian and npm: which, and why. Only what is missing is installed, and no service is started.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use crate::root;

/// A package of Debian and what it is for.
pub(crate) struct Package {
    name: &'static str,
    why: &'static str,
}

/// What a build needs.
pub(crate) const BUILD: &[Package] = &[Package {
    name: "build-essential",
    why: "C compiler and linker; the cryptography under TLS and WebRTC is written in C",
}];

/// What the tests need beyond that.
const TEST: &[Package] = &[
    Package {
        name: "chromium",
        why: "the browser that opens our pages",
    },
    Package {
        name: "kamailio",
        why: "the SIP proxy and registrar between page and phone",
    },
    Package {
        name: "kamailio-tls-modules",
        why: "TLS for that proxy",
    },
    Package {
        name: "baresip-core",
        why: "the SIP phone",
    },
    Package {
        name: "baresip-ffmpeg",
        why: "H.264 for the phone, and a video file in place of its camera",
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
        why: "the second browser that opens our pages",
    },
    Package {
        name: "pulseaudio",
        why: "the sound server that Firefox needs to run Web Audio",
    },
    Package {
        name: "rtpengine-daemon",
        why: "the RTP proxy beside the SIP server",
    },
    Package {
        name: "iproute2",
        why: "makes the network namespaces of the tests; Firefox needs an address that is not loopback",
    },
    Package {
        name: "python3-venv",
        why: "the virtual environment of pjsua2, the SIP phone that knows 100rel, UPDATE and session timers",
    },
    Package {
        name: "git",
        why: "lists the files that the rules of xtask/src/tidy.rs are about",
    },
    Package {
        name: "tshark",
        why: "checks every packet of a call with a dissector that is not ours",
    },
];

/// Package lists older than this are refreshed before anything is installed: they name old versions, which the tests
/// were not written for and the servers may no longer have.
const LISTS_LAST: Duration = Duration::from_secs(24 * 60 * 60);
/// Where apt keeps its package lists. `apt-get update` always writes to the second folder, even if it finds no new
/// list. The files themselves have the times of the server that they come from.
const LISTS: [&str; 2] = ["/var/lib/apt/lists", "/var/lib/apt/lists/partial"];

/// Runs as root. Installs the packages that are given after the first argument, and prints apt's output only if it
/// fails. The first argument is `old` or `fresh` and describes the package lists; old lists are refreshed first, and
/// are used as they are if the servers cannot be reached. The services of some packages must not start, because they
/// would take the ports of the tests. /usr/sbin/policy-rc.d tells Debian so; a policy-rc.d that exists already is left
/// alone.
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
update() { apt-get --option DPkg::Lock::Timeout=300 update --error-on=any; }
install() { apt-get --option DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@"; }
lists=$1
shift
if [ "$lists" = old ] && ! update > "$log" 2>&1; then
  cat "$log"
  echo "the package lists cannot be refreshed: installing from the old ones"
fi
install "$@" > "$log" 2>&1 || { update && install "$@"; } > "$log" 2>&1 || { cat "$log"; exit 1; }
"#;

/// Installs everything that the tests need beyond a build.
pub(crate) fn for_tests() -> Result<()> {
    packages(TEST)?;
    node()?;
    pjsua2()
}

/// Installs pjsua2 for the Python of Debian 12 into `tests/pjsua2/.venv`, unless it is there. The wheel is pinned by
/// its hash, and nothing is compiled.
fn pjsua2() -> Result<()> {
    let folder = root().join("tests/pjsua2");
    let (wanted, venv) = (folder.join("requirements.txt"), folder.join(".venv"));
    let done = venv.join("installed");
    if is_newer(&done, &wanted) {
        return Ok(());
    }
    println!(
        "installing pjsua2, a scripted SIP phone, in {}",
        venv.display()
    );
    let run = |program: &Path, arguments: &[&OsStr]| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        let status = command.status();
        let status = status.with_context(|| format!("cannot start {}", program.display()))?;
        ensure!(
            status.success(),
            "{} failed in {}",
            program.display(),
            folder.display()
        );
        Ok(())
    };
    run(
        Path::new("/usr/bin/python3"),
        &[
            "-m".as_ref(),
            "venv".as_ref(),
            "--clear".as_ref(),
            venv.as_ref(),
        ],
    )?;
    let flags =
        "install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r";
    let mut arguments: Vec<&OsStr> = flags.split(' ').map(OsStr::new).collect();
    arguments.push(wanted.as_ref());
    run(&venv.join("bin/pip"), &arguments)?;
    std::fs::write(done, "").context("cannot mark pjsua2 as installed")
}

/// Installs those that are missing, and prints which and why.
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
    let lists = lists_age(&LISTS.map(Path::new), SystemTime::now());
    let old = lists.is_none_or(|age| age > LISTS_LAST);
    if old {
        println!("(the package lists are older than a day, so apt-get refreshes them first)");
    }
    println!("(apt-get is running; this can take some minutes)");
    let status = as_root()?
        .args(["sh", "-c", INSTALL, "sh"])
        .arg(if old { "old" } else { "fresh" })
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
        "TypeScript, which checks the SDK, and puppeteer-core, which drives the browser",
    ),
    (
        "tests/published-sdk",
        "the published WebSDK, whose pages must work unchanged",
    ),
];

/// Node.js and npm from PATH, else from Debian; then the npm packages that the lock files pin.
fn node() -> Result<()> {
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

/// How long ago one of these folders was last written to. `None` if none exists, or if that time lies in the future.
fn lists_age(folders: &[&Path], now: SystemTime) -> Option<Duration> {
    let written = |folder: &&Path| folder.metadata().and_then(|data| data.modified()).ok();
    let newest = folders.iter().filter_map(written).max()?;
    now.duration_since(newest).ok()
}

fn is_installed(package: &str) -> Result<bool> {
    Ok(dpkg_query("${db:Status-Status}", package)? == "installed")
}

/// What dpkg says about a package in the given format of dpkg-query; empty if it does not know the package.
fn dpkg_query(format: &str, package: &str) -> Result<String> {
    let mut query = Command::new("dpkg-query");
    query
        .args(["--show", "--showformat", format, package])
        .stdin(Stdio::null());
    let output = query.output();
    let output = output.context(
        "no dpkg-query: this is no Debian. Install the packages named in xtask/src/install.rs",
    )?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The versions of all packages that the tests use, and of the browsers that the environment names in their place.
pub(crate) fn versions() -> Result<Vec<String>> {
    let mut versions = Vec::new();
    for package in TEST {
        let variable = package.name.trim_end_matches("-esr").to_uppercase();
        let version = match std::env::var_os(&variable) {
            Some(program) => said_version(Path::new(&program))?,
            None => dpkg_query("${Version}", package.name)?,
        };
        versions.push(format!("{} {version}", package.name));
    }
    versions.push(format!("node {}", said_version(Path::new("node"))?));
    let pinned = std::fs::read_to_string(root().join("tests/pjsua2/requirements.txt"))?;
    let pinned = pinned.lines().find_map(|line| line.split_once("=="));
    let (_, version) = pinned.context("tests/pjsua2/requirements.txt pins nothing")?;
    let version = version.split(' ').next().unwrap_or_default();
    versions.push(format!("pjsua2 {version}"));
    Ok(versions)
}

/// The first line of what a program answers to `--version`.
fn said_version(program: &Path) -> Result<String> {
    let mut command = Command::new(program);
    let output = command.arg("--version").stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot start {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_as_old_as_the_newest_folder() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let written = here.metadata().and_then(|data| data.modified());
        let written = written.expect("the folder's time");
        let nowhere = Path::new("/no/such/folder");
        let day = Duration::from_secs(24 * 60 * 60);
        assert_eq!(lists_age(&[nowhere, here], written + day), Some(day));
        assert_eq!(lists_age(&[here], written - day), None);
        assert_eq!(lists_age(&[nowhere], written), None);
    }
}
