use lber::structure::StructureTag;
use lber::structures::ASNTag as _;
use proptest::prelude::*;

use super::*;
use shape::take_apart;

mod shape;

const NAME: &[Placeholder] = &[Placeholder::Name];
const DN: &[Placeholder] = &[Placeholder::Dn, Placeholder::User];

fn parsed(filter: &str) -> StructureTag {
    ldap3::parse_filter(filter).unwrap().into_structure()
}

/// S40: whatever is filled in, the filter has its shape, and the value is exactly that.
fn keeps_its_shape(text: &str, placeholders: &[Placeholder], value: &[u8]) {
    let template = FilterTemplate::parse(text, placeholders).unwrap();
    let mut before = Vec::new();
    let shape = take_apart(parsed(&template.fill(|_| b"x")), &mut before);
    let mut after = Vec::new();
    let filled = take_apart(parsed(&template.fill(|_| value)), &mut after);
    assert_eq!(filled, shape);
    for (before, after) in before.iter().zip(&after) {
        let is_place = before == b"x";
        assert_eq!(after.as_slice(), if is_place { value } else { before.as_slice() });
    }
    assert!(after.iter().any(|after| after == value));
}

const USER_FILTERS: [&str; 4] = [
    "(uid={name})",
    "(&(objectClass=person)(|(uid={name})(mail={name}))(!(locked=TRUE)))",
    "(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={name})(userPrincipalName={name})))",
    "(cn:2.5.13.2:={name})",
];
const GROUP_FILTERS: [&str; 2] = [
    "(|(member={dn})(uniqueMember={dn})(memberUid={user}))",
    "(member:1.2.840.113556.1.4.1941:={dn})",
];

/// What people have tried.
const HOSTILE: [&str; 12] = [
    "*",
    "*)(uid=*",
    "admin)(&)",
    "x)(|(objectClass=*)",
    "\\2a",
    "\\",
    "(",
    "Bob (Viewer), Jr.*",
    "\0",
    "a\0b",
    "{name}",
    "ж€\u{202e}",
];

/// S40.
#[test]
fn no_hostile_name_changes_the_filter() {
    for name in HOSTILE {
        for text in USER_FILTERS {
            keeps_its_shape(text, NAME, name.as_bytes());
        }
    }
    // not UTF-8
    keeps_its_shape("(uid={name})", NAME, b"\xff\xfe*");
}

proptest! {
    /// S40.
    #[test]
    fn no_name_changes_the_filter(name in "\\PC*|[\\\\*()&|!=\0a{}]{0,12}", which in 0..4usize) {
        keeps_its_shape(USER_FILTERS[which], NAME, name.as_bytes());
    }

    /// S40: also what is not UTF-8, in both kinds of filter.
    #[test]
    fn no_bytes_change_the_filter(value: Vec<u8>, which in 0..2usize) {
        keeps_its_shape(USER_FILTERS[which], NAME, &value);
        keeps_its_shape(GROUP_FILTERS[which], DN, &value);
    }

    /// S40: a value in a distinguished name reads back as it was, in a name that has no other
    /// parts.
    #[test]
    fn values_in_names_read_back(value in "\\PC*|[ #,+\"\\\\<>;=\0a]{0,8}") {
        let escaped = escape::dn_value(&value);
        prop_assert_eq!(read_dn_value(&escaped), Some(value));
    }
}

/// Reads a value as RFC 4514 does; `None` if it ends early or an end is not significant.
fn read_dn_value(text: &str) -> Option<String> {
    if text.starts_with([' ', '#']) || text.ends_with(' ') {
        return None;
    }
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
            }
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'=' | 0 => return None,
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[test]
fn a_placeholder_matches_its_value_alone() {
    let check = |text: &str, expected| {
        assert_eq!(FilterTemplate::parse(text, NAME).err(), Some(expected), "{text}");
    };
    let loose = FilterError::Loose { placeholder: Placeholder::Name };
    for text in [
        "(uid={name}*)",
        "(uid=*{name})",
        "(uid>={name})",
        "(uid<={name})",
        "(uid~={name})",
        "(&(a=b)(uid=a*{name}))",
    ] {
        check(text, loose.clone());
    }
    for text in ["({name}=a)", "(a:{name}:=b)"] {
        check(text, loose.clone());
    }
    for text in ["{name}", "(uid={name}", "uid={name}", "(uid={name})(a=b)", "(&uid={name})"] {
        check(text, FilterError::Syntax);
    }
    check("(uid=jane)", FilterError::NoPlaceholder);
    check("(uid={nam})", FilterError::Brace);
    check("(uid={name})}", FilterError::Brace);
    check("(uid={)", FilterError::Brace);
    check("(member={dn})", FilterError::Foreign { placeholder: Placeholder::Dn });
    assert!(FilterTemplate::parse("(userPrincipalName={name}@example.com)", NAME).is_ok());
    assert!(FilterTemplate::parse("(&(uid={name})(cn=a*b))", NAME).is_ok());
    assert!(FilterTemplate::parse("(objectClass=person)", &[]).is_ok());
}
