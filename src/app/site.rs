//! What the product shows outside the protocol: a page for people, and the version.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::{App, Live};
use crate::access::Caller;
use crate::engine::Module;
use crate::error::Error;
use crate::mcp::context::View;
use crate::mcp::version::Version;
use crate::transport::Site;

/// A client program, and the text that its user pastes; `{url}` stands for the endpoint.
pub struct Client {
    /// The program's name.
    pub name: &'static str,
    /// Where the text goes.
    pub place: &'static str,
    /// The text.
    pub text: &'static str,
}

/// How to connect each client: one list for the page and for the output of `serve`.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "Claude Code",
        place: "in a terminal",
        text: "claude mcp add --transport http mcpist {url}",
    },
    Client {
        name: "Claude Desktop",
        place: "in claude_desktop_config.json",
        text: r#"{"mcpServers": {"mcpist": {"command": "mcpist", "args": ["stdio"]}}}"#,
    },
    Client {
        name: "Cursor",
        place: "in ~/.cursor/mcp.json",
        text: r#"{"mcpServers": {"mcpist": {"url": "{url}"}}}"#,
    },
    Client {
        name: "VS Code",
        place: "in a terminal",
        text: r#"code --add-mcp '{"name": "mcpist", "type": "http", "url": "{url}"}'"#,
    },
    Client {
        name: "Codex",
        place: "in ~/.codex/config.toml",
        text: "[mcp_servers.mcpist]\nurl = \"{url}\"",
    },
    Client { name: "Anything else", place: "as a Streamable HTTP server", text: "{url}" },
];

/// The product's site: the product, and the address at which clients reach it.
pub struct ProductSite {
    product: Arc<Live>,
    url: String,
}

impl ProductSite {
    /// Returns the site of `product`; clients reach its MCP endpoint at `url`.
    #[must_use]
    pub const fn new(product: Arc<Live>, url: String) -> Self {
        Self { product, url }
    }
}

/// Returns the content of `/api/version` and `mcpist --version`.
#[must_use]
pub fn version(modules: &[(&Module, usize)]) -> Value {
    let modules: Vec<Value> = modules
        .iter()
        .map(|(module, tools)| json!({"module": module.name, "api_version": module.api_version, "tools": tools}))
        .collect();
    json!({
        "name": "mcpist",
        "version": env!("CARGO_PKG_VERSION"),
        "commit": option_env!("MCPIST_COMMIT").unwrap_or("unknown"),
        "protocol_versions": Version::ALL.map(Version::as_str),
        "modules": modules,
    })
}

impl Site for ProductSite {
    fn has_module(&self, caller: &Caller, module: &str) -> Result<bool, Error> {
        self.product.app().has_module(caller, module)
    }

    fn page(&self) -> String {
        let mut clients = String::new();
        for client in CLIENTS {
            let text = escape(&client.text.replace("{url}", &self.url));
            let _ = writeln!(
                clients,
                "<section><h3>{}</h3><p>{}</p><div class=\"copy\"><pre>{text}</pre><button type=\"button\">Copy</button></div></section>",
                escape(client.name),
                escape(client.place)
            );
        }
        let mut modules = String::new();
        let app = self.product.app();
        for (module, tools) in app.shown() {
            let _ = writeln!(
                modules,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(&module.name),
                escape(&module.description),
                tools,
                escape(&app.connection_state(module, &Caller::local()))
            );
        }
        include_str!("page.html")
            .replace("{{url}}", &escape(&self.url))
            .replace("{{version}}", env!("CARGO_PKG_VERSION"))
            .replace("{{protocol}}", &Version::ALL.map(Version::as_str).join(", "))
            .replace("{{clients}}", &clients)
            .replace("{{modules}}", &modules)
    }

    fn version(&self) -> Value {
        version(&self.product.app().shown())
    }

    fn admit(&self, caller: &Caller) -> Result<(), Error> {
        let app = self.product.app();
        if let Some(rates) = &app.parts().rates {
            rates.requests.count(caller.user_id(), Instant::now())?;
        }
        app.parts().sieve.permissions(caller).map(drop)
    }
}

impl App {
    /// Returns the modules that everyone may see, each with its number of tools: in local mode those that the policy permits.
    #[must_use]
    pub fn shown(&self) -> Vec<(&Module, usize)> {
        if self.parts.broker.is_per_user() {
            let modules = self.registry().modules().iter();
            return modules.map(|module| (module, module.tools.count())).collect();
        }
        // Without permissions nothing exists.
        let Ok(visible) = self.visible(&Caller::local(), &View::default()) else {
            return Vec::new();
        };
        visible.modules().map(|module| (module, visible.count(module))).collect()
    }

    /// Returns in words whether a module can be used now; never the credential itself.
    #[must_use]
    pub fn connection_state(&self, module: &Module, caller: &Caller) -> String {
        if self.parts.broker.is_per_user() {
            return "each user connects it".to_owned();
        }
        let accounts = self.accounts(module, caller);
        let credential = |account: Option<&String>| {
            let account = account.map(String::as_str);
            self.parts.broker.credential(caller, &module.name, account).unwrap_or_default()
        };
        // Each account may have its own address, or no address.
        for account in accounts.iter().filter(|_| accounts.len() > 1) {
            if let Err(missing) = self.connection(module, credential(Some(account)).as_ref()) {
                return format!("account {account} is not connected; set {missing}");
            }
        }
        let credential = credential(accounts.first());
        match (self.connection(module, credential.as_ref()), &module.auth) {
            (Err(missing), _) => format!("not connected; set {missing}"),
            (Ok(_), None) => "open to everyone".to_owned(),
            (Ok(_), Some(auth)) if credential.is_none() => {
                format!("public data only; set {auth} for the rest")
            }
            (Ok(_), Some(_)) if accounts.len() > 1 => {
                format!("connected (accounts {})", accounts.join(", "))
            }
            (Ok(_), Some(_)) => "connected".to_owned(),
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
