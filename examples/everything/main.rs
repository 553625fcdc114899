//! The fixture server of the MCP conformance suite, on the protocol code and the front door of the product.
//!
//! Names, schemas and texts are those that the suite's scenarios ask for (`conformance list --server`, and each scenario's
//! description); `tests/conformance/run.sh` runs the suite against this server.

mod content;
mod prompts;
mod questions;
mod resources;
mod tools;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use mcpist::access::Caller;
use mcpist::error::Error;
use mcpist::json::Object;
use mcpist::local::LocalAuthenticator;
use mcpist::mcp::call::Call;
use mcpist::mcp::context::Context;
use mcpist::mcp::handler::{
    About, Capabilities, Completion, Handler, Interruption, Item, ListChanged, MirroredParameter,
    Suggestions, ToolResult,
};
use mcpist::mcp::seal::Seal;
use mcpist::mcp::subscriptions::Hub;
use mcpist::{http, mcp, transport};
use serde_json::{Value, json};

struct Everything {
    about: About,
    hub: Arc<Hub>,
    tools: Vec<Arc<Item>>,
    prompts: Vec<Arc<Item>>,
    resources: Vec<Arc<Item>>,
    templates: Vec<Arc<Item>>,
}

impl Everything {
    fn new(hub: Arc<Hub>) -> Self {
        Self {
            about: About {
                name: "everything".to_owned(),
                title: "Everything".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                instructions: Some(
                    "A server for conformance tests: it does nothing of use.".to_owned(),
                ),
            },
            hub,
            tools: tools::items(),
            prompts: prompts::items(),
            resources: resources::items(),
            templates: resources::templates(),
        }
    }
}

impl Handler for Everything {
    fn about(&self) -> &About {
        &self.about
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            prompts: Some(ListChanged(true)),
            resources: Some(ListChanged(false)),
            subscribe: true,
            completions: true,
            logging: true,
        }
    }

    fn tools(&self, _: &Context) -> Result<Vec<Arc<Item>>, Error> {
        Ok(self.tools.clone())
    }

    fn call_tool(
        &self,
        call: &Call<'_>,
        name: &str,
        arguments: Object,
    ) -> Result<ToolResult, Interruption> {
        tools::call(call, &self.hub, name, &arguments)
    }

    fn mirrored_parameters(&self, _: &Context, tool: &str) -> Vec<MirroredParameter> {
        tools::mirrored_parameters(tool)
    }

    fn prompts(&self, _: &Context) -> Result<Vec<Arc<Item>>, Error> {
        Ok(self.prompts.clone())
    }

    fn get_prompt(
        &self,
        call: &Call<'_>,
        name: &str,
        arguments: Object,
    ) -> Result<Object, Interruption> {
        prompts::get(call, name, &arguments)
    }

    fn resources(&self, _: &Context) -> Result<Vec<Arc<Item>>, Error> {
        Ok(self.resources.clone())
    }

    fn resource_templates(&self, _: &Context) -> Result<Vec<Arc<Item>>, Error> {
        Ok(self.templates.clone())
    }

    fn read_resource(&self, _: &Call<'_>, uri: &str) -> Result<Vec<Value>, Interruption> {
        Ok(resources::read(uri)?)
    }

    fn complete(&self, _: &Context, completion: &Completion) -> Result<Suggestions, Error> {
        Ok(Suggestions { values: prompts::complete(completion)?, more: false })
    }
}

impl transport::Site for Everything {
    fn has_module(&self, _: &Caller, _: &str) -> Result<bool, Error> {
        Ok(false)
    }

    fn page(&self) -> String {
        "<!doctype html><title>Everything</title>".to_owned()
    }

    fn version(&self) -> Value {
        json!({"version": self.about.version})
    }

    fn admit(&self, _: &Caller) -> Result<(), Error> {
        Ok(())
    }
}

/// A required argument of a tool or prompt.
fn text_argument<'a>(arguments: &'a Object, name: &str) -> Result<&'a str, Error> {
    arguments
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| Error::invalid_params(format!("the argument {name:?} must be a string")))
}

/// The fixture server of the MCP conformance suite, on 127.0.0.1.
#[derive(argh::FromArgs)]
struct Options {
    /// port to listen on; 0, the default, takes a free one
    #[argh(option, default = "0")]
    port: u16,
}

fn main() -> io::Result<()> {
    let Options { port } = argh::from_env();
    let hub = Arc::new(Hub::default());
    let everything = Arc::new(Everything::new(Arc::clone(&hub)));
    let server = Arc::new(mcp::Server::new(
        Arc::clone(&everything) as Arc<dyn Handler>,
        Seal::random(),
        hub,
    ));
    let front_door =
        http::Server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), http::Limits::default())?;
    let router = transport::Router::new(
        server,
        Arc::new(LocalAuthenticator),
        transport::Origins::local(front_door.address().ip()),
        everything,
    );
    println!("listening on http://{}/mcp", front_door.address());
    front_door.run(Arc::new(router))
}
