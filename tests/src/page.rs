//! One of our pages, Phone or Phone Video, used as a person uses it: fields, buttons, and the words of the two statuses.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::browser::Browser;
use crate::kamailio::{Kamailio, User};

/// The page in its browser.
#[derive(Debug)]
pub struct PhonePage(Browser);

impl PhonePage {
    /// Takes a browser that has opened the page.
    #[must_use]
    pub fn new(browser: Browser) -> Self {
        Self(browser)
    }

    /// Fills in an account of the proxy, presses Connect and waits until the page says that it is registered.
    pub fn register(&mut self, user: User, proxy: &Kamailio) -> Result<()> {
        self.account(user, proxy.addr)?;
        self.connect()
    }

    /// Fills in an account without registering it: calls go to `peer` as they are, and nobody is asked for a password.
    pub fn connect_without_registering(&mut self, user: User, peer: SocketAddr) -> Result<()> {
        self.account(user, peer)?;
        self.click("#sipRegisterRequired")?;
        self.click("#connectBtn")?;
        self.wait_text("#regStatus", "ESTABLISHED", Duration::from_secs(10))
            .map(drop)
    }

    /// Fills in an account at a SIP server.
    pub fn account(&mut self, user: User, server: SocketAddr) -> Result<()> {
        let (host, port) = (server.ip().to_string(), server.port().to_string());
        for (field, value) in [
            ("#sipLogin", user.name),
            ("#sipAuthenticationName", user.name),
            ("#sipPassword", user.password),
            ("#sipDomain", &host),
            ("#sipOutboundProxy", &host),
            ("#sipPort", &port),
        ] {
            self.fill(field, value)?;
        }
        Ok(())
    }

    /// Presses Connect with the fields as they are and waits until the page says that it is registered.
    pub fn connect(&mut self) -> Result<()> {
        self.click("#connectBtn")?;
        self.wait_text("#regStatus", "REGISTERED", Duration::from_secs(10))
            .map(drop)
    }

    /// Types whom to call and presses Call.
    pub fn call(&mut self, callee: &str) -> Result<()> {
        self.fill("#callee", callee)?;
        self.click("#callBtn")
    }

    /// Waits until the call's status matches.
    pub fn call_status(&mut self, pattern: &str, limit: Duration) -> Result<String> {
        let status = self.wait_text("#callStatus", pattern, limit);
        let registered = self.text("#regStatus").unwrap_or_default();
        status.with_context(|| format!("the page's connection is {registered}"))
    }

    /// Waits for the alert about an incoming call; gives its words.
    pub fn incoming(&mut self, limit: Duration) -> Result<String> {
        self.wait_text("#incomingCallAlert", r"\S", limit)
    }

    /// Ends the call by the button that a person would press: the outgoing call's Call button reads Hangup while it is up.
    pub fn hang_up(&mut self) -> Result<()> {
        let outgoing = self.text("#callBtn")?.to_lowercase().contains("hang");
        self.click(if outgoing { "#callBtn" } else { "#hangupBtn" })
    }
}

impl Deref for PhonePage {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.0
    }
}

impl DerefMut for PhonePage {
    fn deref_mut(&mut self) -> &mut Browser {
        &mut self.0
    }
}
