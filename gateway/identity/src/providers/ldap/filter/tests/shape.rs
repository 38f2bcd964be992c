//! What a filter is made of, as the LDAP library reads it. The fuzz target reads this file too.

use lber::common::TagClass;
use lber::structure::{PL, StructureTag};

/// A filter's shape with the values of its comparisons taken out, and those values.
pub(crate) fn take_apart(tag: StructureTag, values: &mut Vec<Vec<u8>>) -> String {
    let id = (tag.class == TagClass::Context).then_some(tag.id);
    match (tag.payload, id) {
        // equality: attribute and value
        (PL::C(parts), Some(3)) => {
            let mut parts = parts.into_iter().map(|part| part.expect_primitive().unwrap());
            let attribute = String::from_utf8(parts.next().unwrap()).unwrap();
            values.push(parts.next().unwrap());
            format!("[{attribute}=]")
        }
        (PL::C(parts), id) => {
            let parts: Vec<_> = parts.into_iter().map(|part| take_apart(part, values)).collect();
            format!("{id:?}({})", parts.concat())
        }
        // the value of an extensible match
        (PL::P(bytes), Some(3)) => {
            values.push(bytes);
            "[:=]".to_owned()
        }
        (PL::P(bytes), id) => format!("{id:?}{bytes:?}"),
    }
}
