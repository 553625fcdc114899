//! Local mode's confirmation page, served by this process.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::key::ENTRY_LIFETIME;
use super::{Page, open_in_browser};
use crate::access::{Caller, ConfirmationPage, Decision, nobody_can_decide};
use crate::error::{Code, Error};
use crate::http::{self, Limits};
use crate::sync::lock;
use crate::transport::{Origins, PageService};

/// Local mode's page, and how the person opens it.
pub struct LocalConfirmations {
    page: Arc<Page>,
    served: Mutex<Served>,
    /// The program that opens a new question without being asked.
    browser: Option<String>,
}

#[derive(Default)]
struct Served {
    /// The page's address; `None` until it is served.
    address: Option<String>,
    /// Whether a one-time address was printed on a terminal.
    is_printed: bool,
}

impl LocalConfirmations {
    /// Creates the page, on its own free loopback port that is opened when a person is first needed, unless a server serves it
    /// ([`Self::served_at`]). `browser` opens each new question.
    #[must_use]
    pub fn new(page: Arc<Page>, browser: Option<String>) -> Self {
        Self { page, served: Mutex::default(), browser }
    }

    /// Declares that the server at `address` (`http://127.0.0.1:8088`) serves the page. `is_printed`: whether a one-time
    /// address was printed on a terminal.
    pub fn served_at(&self, address: String, is_printed: bool) {
        *lock(&self.served) = Served { address: Some(address), is_printed };
    }

    fn address(&self) -> Result<String, Error> {
        let mut served = lock(&self.served);
        if let Some(address) = &served.address {
            return Ok(address.clone());
        }
        let failed = |error: std::io::Error| {
            Error::new(Code::Internal, format!("the page cannot be served: {error}"))
        };
        let front_door = http::Server::bind((Ipv4Addr::LOCALHOST, 0).into(), Limits::default())
            .map_err(failed)?;
        let own = format!("http://{}", front_door.address());
        let service = PageService::new(
            Arc::clone(&self.page) as Arc<dyn crate::transport::Pages>,
            Origins::local(Ipv4Addr::LOCALHOST.into()),
        );
        std::thread::Builder::new()
            .name("page".to_owned())
            .spawn(move || front_door.run(Arc::new(service)))
            .map_err(failed)?;
        Ok(served.address.insert(own).clone())
    }
}

impl ConfirmationPage for LocalConfirmations {
    fn ask(&self, caller: &Caller, digest: &str, deed: Value) -> Result<String, Error> {
        // Without a terminal, a browser, or a key that `mcpist open` can read, no browser can get access.
        let is_printed = lock(&self.served).is_printed;
        if self.browser.is_none() && !is_printed && !self.page.key().is_kept() {
            return Err(nobody_can_decide("there is no state folder, no terminal and no browser"));
        }
        let address = self.address()?;
        let (id, is_new) = self.page.questions().ask(caller.user_id(), digest, deed)?;
        let path = format!("/confirm/{id}");
        if let Some(browser) = self.browser.as_ref().filter(|_| is_new) {
            let entry = self.page.key().entry(&address, &path, ENTRY_LIFETIME);
            if let Err(error) = open_in_browser(browser, &entry) {
                log::warn!("{browser} cannot be started: {error}");
            }
        }
        Ok(format!("{address}{path}"))
    }

    fn take(&self, caller: &Caller, digest: &str) -> Result<Decision, Error> {
        Ok(self.page.questions().take(caller.user_id(), digest))
    }
}
