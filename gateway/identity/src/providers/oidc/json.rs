//! JSON objects in which each name stands once: whoever reads the first of two and whoever reads
//! the last must not see different things.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why bytes are no such object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// They are no JSON, or a name stands twice in an object.
    #[error("it is no JSON, or a name stands twice in it")]
    Syntax,
    /// They are JSON, but no object.
    #[error("it is JSON, but no object")]
    NoObject,
}

/// Reads an object.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    match serde_json::from_slice::<Strict>(bytes) {
        Ok(Strict(Value::Object(map))) => Ok(map),
        Ok(_) => Err(JsonError::NoObject),
        Err(_) => Err(JsonError::Syntax),
    }
}

/// A value without objects that name something twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("no finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_once_at_every_depth() {
        assert!(object(br#"{"a": 1, "b": {"a": [null, true, -1, 1.5, "x"]}}"#).is_ok());
        assert_eq!(object(br#"{"a": 1, "a": 2}"#), Err(JsonError::Syntax));
        assert_eq!(object(br#"{"b": [{"a": 1, "a": 1}]}"#), Err(JsonError::Syntax));
        assert_eq!(object(br#"{"a": 1, "\u0061": 2}"#), Err(JsonError::Syntax));
        assert_eq!(object(b"[]"), Err(JsonError::NoObject));
        assert_eq!(object(b"{} x"), Err(JsonError::Syntax));
        assert_eq!(object(b"{\"a\": 1e999}"), Err(JsonError::Syntax));
        assert_eq!(object("[".repeat(500).as_bytes()), Err(JsonError::Syntax));
    }
}
