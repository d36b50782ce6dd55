//! The certificate of `wss.port`: the operator's files, or a self-signed one made at first start.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// TLS for the HTTP side. Both files, or neither: then a self-signed pair is kept in `state`.
pub(crate) fn server_config(
    cert_file: Option<&Path>,
    key_file: Option<&Path>,
    state: &Path,
    names: &[IpAddr],
) -> Result<Arc<ServerConfig>> {
    let (cert, key) = match (cert_file, key_file) {
        (Some(cert), Some(key)) => (cert.to_owned(), key.to_owned()),
        (None, None) => self_signed(state, names)?,
        (Some(_), None) => anyhow::bail!("wss.cert.file is set and wss.key.file is not: set both"),
        (None, Some(_)) => anyhow::bail!("wss.key.file is set and wss.cert.file is not: set both"),
    };
    let chain = CertificateDer::pem_file_iter(&cert)
        .and_then(|items| items.collect::<Result<Vec<_>, _>>())
        .with_context(|| format!("wss.cert.file {} is not a PEM certificate", cert.display()))?;
    anyhow::ensure!(
        !chain.is_empty(),
        "wss.cert.file {} holds no certificate",
        cert.display()
    );
    let key = PrivateKeyDer::from_pem_file(&key)
        .with_context(|| format!("wss.key.file {} is not a PEM key", key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("wss.cert.file and wss.key.file do not belong together")?;
    Ok(Arc::new(config))
}

/// Key and certificate stand in one file, which appears whole: two first starts at once must not
/// pair the key of the one with the certificate of the other.
fn self_signed(state: &Path, names: &[IpAddr]) -> Result<(PathBuf, PathBuf)> {
    let path = state.join("wss-self-signed.pem");
    if !path.exists() {
        let mut subjects = vec!["localhost".to_owned()];
        subjects.extend(names.iter().map(IpAddr::to_string));
        let made = rcgen::generate_simple_self_signed(subjects)?;
        fs::create_dir_all(state).with_context(|| format!("cannot make {}", state.display()))?;
        let fresh = state.join(format!(
            "wss-self-signed.pem.{:016x}",
            rand::random::<u64>()
        ));
        write_private(
            &fresh,
            &(made.signing_key.serialize_pem() + &made.cert.pem()),
        )?;
        // A link does not replace what another start put there first.
        let linked = fs::hard_link(&fresh, &path);
        fs::remove_file(&fresh)?;
        if !path.exists() {
            linked.with_context(|| format!("cannot write {}", path.display()))?;
        }
        tracing::info!(file = %path.display(), "made a self-signed certificate for wss");
    }
    Ok((path.clone(), path))
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(file.write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_starts_at_once_find_one_pair_that_belongs_together() {
        let state = std::env::temp_dir().join(format!("ringdown-cert-{}", std::process::id()));
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let state = state.clone();
                std::thread::spawn(move || server_config(None, None, &state, &[]).map(|_| ()))
            })
            .collect();
        for start in starts {
            start.join().unwrap().unwrap();
        }
        fs::remove_dir_all(state).unwrap();
    }
}
