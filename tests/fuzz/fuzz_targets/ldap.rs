//! Any bytes as a name in a directory's filter, and as a filter: what is filled in never changes
//! the filter's shape, and reads back as it was (requirement S40).

#![no_main]

#[path = "../../../gateway/identity/src/providers/ldap/escape.rs"]
mod escape;
#[path = "../../../gateway/identity/src/providers/ldap/filter.rs"]
mod filter;
#[path = "../../../gateway/identity/src/providers/ldap/filter/tests/shape.rs"]
mod shape;

use lber::structures::ASNTag as _;
use libfuzzer_sys::fuzz_target;

use filter::{FilterTemplate, Placeholder};
use shape::take_apart;

const PLACEHOLDERS: &[Placeholder] = &[Placeholder::Name, Placeholder::Dn, Placeholder::User];
const FILTERS: [&str; 4] = [
    "(uid={name})",
    "(&(objectClass=user)(|(sAMAccountName={name})(userPrincipalName={name})))",
    "(|(member={dn})(memberUid={user}))",
    "(member:1.2.840.113556.1.4.1941:={dn})",
];

/// The filter's shape, and the values that are compared.
fn read(filter: &str) -> (String, Vec<Vec<u8>>) {
    let tag = ldap3::parse_filter(filter).expect("what is filled in is a filter");
    let mut values = Vec::new();
    (take_apart(tag.into_structure(), &mut values), values)
}

fn keeps_its_shape(template: &FilterTemplate, value: &[u8]) {
    let (shape, before) = read(&template.fill(|_| b""));
    let (filled, after) = read(&template.fill(|_| value));
    assert_eq!(filled, shape);
    assert_eq!(after.len(), before.len());
    assert!(after.iter().any(|after| after.windows(value.len().max(1)).any(|w| w == value))
        || value.is_empty());
}

fuzz_target!(|data: &[u8]| {
    for text in FILTERS {
        let template = FilterTemplate::parse(text, PLACEHOLDERS).expect("it is a filter");
        keeps_its_shape(&template, data);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(template) = FilterTemplate::parse(text, PLACEHOLDERS) {
        for value in [&b"*)(uid=*"[..], b"\\", b"\0\xff", b"(", b" "] {
            keeps_its_shape(&template, value);
        }
        let _ = filter::both(&template.fill(|_| b"x"), Some("(a=b)"));
    }
    let name = escape::dn_value(text);
    assert!(!name.contains(['"', '+', ',', ';', '<', '>', '=', '\0']), "{name}");
    assert!(!name.starts_with([' ', '#']) && !name.ends_with(' '), "{name}");
});
