//! `mcpist open`: opens the confirmation page in a browser, which the page then trusts.

use std::io::{IsTerminal, stdout};

use super::{Stop, print, setup};
use crate::config::{Config, Flags, process_environment};
use crate::page::{ENTRY_LIFETIME, open_in_browser};

pub(super) fn run(address: Option<&str>, port: Option<u16>) -> Result<(), Stop> {
    let (config, findings) = Config::read(&Flags { port, bind: None }, &process_environment);
    if !findings.is_empty() {
        return Err(Stop::Findings(findings));
    }
    if config.hosted.is_some() {
        return Err(Stop::WrongUsage(
            "the page is local mode's; in hosted mode a person decides in the console".to_owned(),
        ));
    }
    let (base, path) = match address {
        None => (format!("http://127.0.0.1:{}", config.address.port()), "/confirm".to_owned()),
        Some(address) => place(address).ok_or_else(|| {
            Stop::WrongUsage(format!(
                "{address:?} is not an address of the page, such as http://127.0.0.1:8088/confirm"
            ))
        })?,
    };
    let key = setup::page_key(&config);
    if !key.is_kept() {
        return Err(Stop::Failed(
            "the server's page key cannot be read; set MCPIST_STATE_DIR for both".to_owned(),
        ));
    }
    let entry = key.entry(&base, &path, ENTRY_LIFETIME);
    match &config.browser {
        Some(browser) => open_in_browser(browser, &entry)
            .map_err(|error| Stop::Failed(format!("{browser} cannot be started: {error}"))),
        // The address grants access, so it is printed only to a person at a terminal, never to a file or a pipe.
        None if stdout().is_terminal() => print(&entry),
        None => Err(Stop::Failed(
            "there is no browser (BROWSER or a screen); run this in a terminal to see the address"
                .to_owned(),
        )),
    }
}

/// Splits an address of the page on this machine into base and path.
fn place(address: &str) -> Option<(String, String)> {
    let uri: ureq::http::Uri = address.parse().ok()?;
    let authority = uri.authority()?.as_str();
    let is_here = matches!(uri.host()?, "127.0.0.1" | "localhost" | "[::1]");
    let is_page =
        uri.path() == "/" || uri.path() == "/confirm" || uri.path().starts_with("/confirm/");
    let is_plain =
        uri.scheme_str() == Some("http") && !authority.contains('@') && uri.query().is_none();
    let path = if uri.path() == "/" { "/confirm" } else { uri.path() };
    (is_here && is_page && is_plain).then(|| (format!("http://{authority}"), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_page_on_this_machine_is_opened() {
        let check = |address: &str, expected: Option<(&str, &str)>| {
            let found = place(address);
            let found = found.as_ref().map(|(base, path)| (base.as_str(), path.as_str()));
            assert_eq!(found, expected, "{address}");
        };
        check("http://127.0.0.1:8088/confirm/ab", Some(("http://127.0.0.1:8088", "/confirm/ab")));
        check("http://localhost:1", Some(("http://localhost:1", "/confirm")));
        check("http://[::1]:1/confirm", Some(("http://[::1]:1", "/confirm")));
        for wrong in [
            "https://127.0.0.1:8088/confirm",
            "http://evil.example.com/confirm",
            "http://127.0.0.1@evil.example.com/confirm",
            "http://127.0.0.1:8088/mcp",
            "http://127.0.0.1:8088/confirm?to=x",
            "127.0.0.1",
            "",
        ] {
            check(wrong, None);
        }
    }
}
