//! What schemas say of the ledger's types.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// Bytes of the ledger (an id, a hash, a key), which JSON has as 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Hex<T>(pub T);

impl<T> From<T> for Hex<T> {
    fn from(of: T) -> Self {
        Self(of)
    }
}

impl<T> JsonSchema for Hex<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Hex".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
    }
}
