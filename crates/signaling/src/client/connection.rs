//! `connection`: who the page is and the SIP account it wants, or the token of a session.

use secrecy::{ExposeSecret, SecretString};

use super::Fields;
use crate::{DecodeError, Map};

/// Fields that never go back to the page as they came.
const NOT_ECHOED: [&str; 4] = ["authToken", "features", "iceServers", "status"];

/// `data[0]` of `connection`. Empty strings in SIP fields count as absent.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// `appKey`, "defaultApp" from most pages.
    pub app_key: Option<String>,
    /// `mediaProviders`, such as "WebRTC".
    pub media_providers: Vec<String>,
    /// `keepAlive`: the session outlives its socket.
    pub keep_alive: Option<bool>,
    /// `authToken`: present only when a page re-attaches.
    pub auth_token: Option<SecretString>,
    /// `clientVersion`, "2.0" from the published SDK.
    pub client_version: Option<String>,
    /// `sipLogin`: user part of the account. Checked here for control characters only.
    pub sip_login: Option<String>,
    /// `sipAuthenticationName`: user name of the digest.
    pub sip_authentication_name: Option<String>,
    /// `sipPassword`.
    pub sip_password: Option<SecretString>,
    /// `sipDomain`: host of Request-URI, From and To.
    pub sip_domain: Option<String>,
    /// `sipOutboundProxy`: next hop; goes before `sipProxy` and `sipDomain`.
    pub sip_outbound_proxy: Option<String>,
    /// `sipProxy`: next hop where there is no outbound proxy.
    pub sip_proxy: Option<String>,
    /// `sipPort`: port of the next hop where it names none. A number, or a string from pages.
    pub sip_port: Option<u16>,
    /// `sipRegisterRequired`: `false` means outgoing calls only.
    pub sip_register_required: Option<bool>,
    /// `sipVisibleName`: display name of the account.
    pub sip_visible_name: Option<String>,
    /// `sipContactParams`: parameters for the Contact of REGISTER. They are read and have no effect.
    pub sip_contact_params: Option<String>,
    /// `features`: our extensions the page asks for. See [`crate::Feature`].
    pub features: Vec<String>,
    /// Everything received, in the order received, without passwords, token and features: what
    /// `getUserData` returns.
    pub echo: Map,
}

impl Connection {
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            app_key: fields.line("appKey")?,
            media_providers: fields.lines("mediaProviders")?,
            keep_alive: fields.flag("keepAlive")?,
            auth_token: fields.secret("authToken")?,
            client_version: fields.line("clientVersion")?,
            sip_login: fields.line("sipLogin")?,
            sip_authentication_name: fields.line("sipAuthenticationName")?,
            sip_password: fields.secret("sipPassword")?,
            sip_domain: fields.line("sipDomain")?,
            sip_outbound_proxy: fields.line("sipOutboundProxy")?,
            sip_proxy: fields.line("sipProxy")?,
            sip_port: fields.port("sipPort")?,
            sip_register_required: fields.flag("sipRegisterRequired")?,
            sip_visible_name: fields.line("sipVisibleName")?,
            sip_contact_params: fields.line("sipContactParams")?,
            features: fields.lines("features")?,
            echo: echo(fields.map()),
        })
    }
}

/// What may go back to the page.
fn echo(received: &Map) -> Map {
    received
        .iter()
        .filter(|(name, _)| {
            !NOT_ECHOED.contains(&name.as_str()) && !name.to_ascii_lowercase().contains("password")
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

impl PartialEq for Connection {
    /// Secrets are compared by value.
    fn eq(&self, other: &Self) -> bool {
        let text =
            |secret: &Option<SecretString>| secret.as_ref().map(|s| s.expose_secret().to_owned());
        let account = |c: &Self| {
            (
                c.sip_login.clone(),
                c.sip_authentication_name.clone(),
                text(&c.sip_password),
                c.sip_domain.clone(),
                c.sip_outbound_proxy.clone(),
                c.sip_proxy.clone(),
                c.sip_port,
                c.sip_register_required,
                c.sip_visible_name.clone(),
                c.sip_contact_params.clone(),
            )
        };
        let client = |c: &Self| {
            (
                c.app_key.clone(),
                c.media_providers.clone(),
                c.keep_alive,
                text(&c.auth_token),
                c.client_version.clone(),
                c.features.clone(),
            )
        };
        account(self) == account(other) && client(self) == client(other) && self.echo == other.echo
    }
}
