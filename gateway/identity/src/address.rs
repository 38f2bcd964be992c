//! E-mail addresses, as far as anything is read from them (requirement S23).

/// What stands before and after the `@` of an address; `None` if it has not exactly one.
pub(crate) fn parts(address: &str) -> Option<(&str, &str)> {
    let (local, domain) = address.split_once('@')?;
    let is_whole = !local.is_empty() && !domain.is_empty() && !domain.contains('@');
    let is_plain = !address.chars().any(|c| c.is_whitespace() || c.is_control());
    (is_whole && is_plain).then_some((local, domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_exactly_one_at() {
        assert_eq!(parts("jane@example.com"), Some(("jane", "example.com")));
        for none in ["jane", "@example.com", "jane@", "a@b@c", "a b@c", "a@b\n", ""] {
            assert_eq!(parts(none), None, "{none:?}");
        }
    }
}
