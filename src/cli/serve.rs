//! `mcpist serve`: the server.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::{Stop, setup};
use crate::access::{Authenticator, Caller};
use crate::app::{App, CLIENTS, Live, ProductSite};
use crate::config::Flags;
use crate::http::{Server, Shutdown};
use crate::local::{LocalAuthenticator, LocalTokenAuthenticator};
use crate::mcp::context::View;
use crate::mcp::subscriptions::Hub;
use crate::os::Signals;
use crate::page::{ENTRY_LIFETIME, LocalConfirmations};
use crate::telemetry::log::Output;
use crate::transport::{Origins, Pages, Router};
use crate::{exporter, mcp, telemetry};

pub(super) fn run(flags: &Flags, view: View) -> Result<(), Stop> {
    // The signals are blocked before any thread starts, so that all threads inherit it and only `end_on_signals` sees the
    // signals.
    let signals = Signals::block()
        .map_err(|error| Stop::Failed(format!("signals cannot be blocked: {error}")))?;

    let mut prepared = setup::Prepared::new(flags, Output::Stdout)?;
    if let Some(settings) = prepared.config.telemetry.take() {
        exporter::start(settings, prepared.config.proxy.clone())?;
    }
    let hosted = prepared.hosted()?;
    let page = prepared.page();
    let confirmations = page.clone().map(|page| Arc::new(LocalConfirmations::new(page, None)));
    if let Some(confirmations) = confirmations.clone() {
        prepared.decide_on(confirmations);
    }
    let setup::Product { config, app, sources, .. } = prepared.product()?;
    let (authenticator, audit): (Arc<dyn Authenticator>, _) = match hosted {
        Some(hosted) => (hosted.authenticator, Some(hosted.audit)),
        None => match &config.local_token {
            Some(token) => (Arc::new(LocalTokenAuthenticator::new(token)), None),
            None => (Arc::new(LocalAuthenticator), None),
        },
    };
    if config.hosted.is_some() && config.seal_secret.is_none() {
        log::warn!(
            "MCPIST_SECRET is not set: sessions of older clients end with this process, and no other instance knows them"
        );
    }
    let limits = config.limits;
    let front_door = Server::bind(config.address, limits.http)
        .map_err(|error| cannot_listen(config.address, &error))?;
    let reachable = reachable(front_door.address());
    let page_address = format!("http://{reachable}");
    let entry = page.as_ref().filter(|_| std::io::stderr().is_terminal());
    let entry = entry.map(|page| page.key().entry(&page_address, "/confirm", ENTRY_LIFETIME));
    if let Some(confirmations) = confirmations {
        confirmations.served_at(page_address, entry.is_some());
    }
    let public = config.hosted.as_ref().and_then(|hosted| hosted.public_url.clone());
    let url =
        public.map_or_else(|| format!("http://{reachable}/mcp"), |public| format!("{public}/mcp"));
    let hub = Arc::new(Hub::default());
    let product = Arc::new(Live::new(Arc::clone(&app)));
    let handler = Arc::clone(&product) as Arc<dyn mcp::handler::Handler>;
    let server = mcp::Server::new(handler, Arc::clone(&app.parts().seal), Arc::clone(&hub));
    let server = Arc::new(server.with_user_limits(limits.users));
    let ending = Arc::clone(&server);
    let site = Arc::new(ProductSite::new(Arc::clone(&product), url.clone()));
    let origins = match &config.hosted {
        Some(hosted) => {
            Origins::hosted(hosted.public_url.iter().chain(&hosted.console_url).cloned().collect())
        }
        None => Origins::local(config.address.ip()),
    };
    let pages = page.map(|page| page as Arc<dyn Pages>);
    let router = Router::new(server, authenticator, origins, site)
        .with_failures_per_second(limits.failures_per_second)
        .with_pages(pages)
        .with_view(view);

    let shutdown = front_door.handle();
    let connections = shutdown.clone();
    telemetry::watch_connections(move || connections.connections());
    let closing = Arc::clone(&hub);
    shutdown.on_begin(Box::new(move || closing.close()));
    shutdown.on_end(Box::new(move || ending.end()));
    end_on_signals(signals, shutdown)?;
    sources.follow(product, hub)?;
    greet(&url, &app, entry.as_deref(), config.local_token.is_some());
    // The product itself is replaced when a file changes; a direct reference would keep the old one.
    drop(app);
    front_door.run(Arc::new(router))?;
    let ended = Instant::now();
    if let Some(audit) = audit {
        audit.close();
    }
    log::info!("stopped");
    telemetry::shutdown(ended);
    Ok(())
}

/// Returns an address that a browser and clients on this machine can use: the unspecified address is not reachable.
fn reachable(address: SocketAddr) -> SocketAddr {
    let loopback = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    SocketAddr::new(loopback, address.port())
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Stop {
    let hint = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            " Another program has the port; choose another with --port, or 0 for a free one."
        }
        std::io::ErrorKind::PermissionDenied => {
            " Ports below 1024 need privileges; choose a higher one with --port."
        }
        _ => "",
    };
    Stop::Failed(format!("cannot listen on {address}: {error}.{hint}"))
}

/// Prints what a person wants to know first. It goes to stderr, because stdout is for the log; stderr may be closed. `entry` is
/// a one-time address, which must be printed only to a terminal.
fn greet(url: &str, app: &App, entry: Option<&str>, wants_token: bool) {
    let page = url.trim_end_matches("mcp");
    let mut text = format!(
        "MCPist {} listens on {url} (the page for people: {page})\n",
        env!("CARGO_PKG_VERSION")
    );
    for (module, tools) in app.shown() {
        let state = app.connection_state(module, &Caller::local());
        let _ = writeln!(text, "  {:16} {tools:3} tools, {state}", module.name);
    }
    if let Some(client) = CLIENTS.first() {
        let _ = writeln!(text, "Connect {}: {}", client.name, client.text.replace("{url}", url));
    }
    if wants_token {
        text.push_str("Clients send the value of MCPIST_LOCAL_TOKEN as Authorization: Bearer …\n");
    }
    if let Some(entry) = entry {
        let _ = writeln!(
            text,
            "Where you confirm what cannot be undone, once within ten minutes (mcpist open makes another): {entry}"
        );
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The first signal starts the drain; the second ends the server at once.
fn end_on_signals(signals: Signals, shutdown: Shutdown) -> Result<(), Stop> {
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.wait() {
            log::info!(signal = signal.name(); "stopping: running requests may end, a second signal ends at once");
            shutdown.begin();
        }
        if let Some(signal) = signals.wait() {
            std::process::exit(signal.exit_code());
        }
    })?;
    Ok(())
}
