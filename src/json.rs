//! JSON values.

use serde_json::{Map, Value};

/// The members of a JSON object.
pub type Object = Map<String, Value>;
