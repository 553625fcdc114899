//! The running product.

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use super::{App, clean};
use crate::error::Error;
use crate::json::Object;
use crate::mcp::call::Call;
use crate::mcp::context::Context;
use crate::mcp::handler::{
    About, Capabilities, Completion, Handler, Interruption, Item, ListChanged, Suggestions,
    ToolResult,
};

/// The running product. It is replaced as a whole when a file that it was made from changes.
///
/// A request keeps the product that it began with, so that a module, its credential and its address always match.
pub struct Live {
    about: About,
    app: RwLock<Arc<App>>,
}

impl Live {
    /// Starts with this product.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { about: crate::app::about(), app: RwLock::new(app) }
    }

    /// Returns the current product.
    #[must_use]
    pub fn app(&self) -> Arc<App> {
        Arc::clone(&self.app.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Uses this product for all later requests.
    pub fn replace(&self, app: Arc<App>) {
        *self.app.write().unwrap_or_else(PoisonError::into_inner) = app;
    }
}

impl Handler for Live {
    fn about(&self) -> &About {
        &self.about
    }

    fn capabilities(&self) -> Capabilities {
        // No service reports changes, so single resources cannot be subscribed to; the lists follow the permissions.
        let told = Some(ListChanged(true));
        Capabilities {
            prompts: told,
            resources: told,
            completions: true,
            ..Capabilities::default()
        }
    }

    fn tools(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        self.app().tools(context)
    }

    fn prompts(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        self.app().prompts(context)
    }

    fn get_prompt(
        &self,
        call: &Call<'_>,
        name: &str,
        arguments: Object,
    ) -> Result<Object, Interruption> {
        let mut prompt = self.app().get_prompt(call, name, &arguments).map_err(cleaned)?;
        clean::object(&mut prompt);
        Ok(prompt)
    }

    fn resources(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        self.app().resources(context)
    }

    fn resource_templates(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        self.app().resource_templates(context)
    }

    fn read_resource(&self, call: &Call<'_>, uri: &str) -> Result<Vec<Value>, Interruption> {
        let mut contents = self.app().read_resource(call, uri).map_err(cleaned)?;
        contents.iter_mut().for_each(clean::value);
        Ok(contents)
    }

    fn complete(&self, context: &Context, completion: &Completion) -> Result<Suggestions, Error> {
        let mut suggestions = self.app().suggestions(context, completion).map_err(clean::error)?;
        // A name that differs after cleaning would complete to a value that does not exist.
        suggestions.values.retain(|value| clean::text(value) == value.as_str());
        Ok(suggestions)
    }

    fn call_tool(
        &self,
        call: &Call<'_>,
        name: &str,
        arguments: Object,
    ) -> Result<ToolResult, Interruption> {
        self.app().call_tool(call, name, arguments).map(clean::result).map_err(cleaned)
    }
}

fn cleaned(interruption: Interruption) -> Interruption {
    match interruption {
        Interruption::Failed(error) => Interruption::Failed(clean::error(error)),
        // Questions show invisible characters as escapes.
        question @ Interruption::InputRequired { .. } => question,
    }
}
