//! The query of a request: parsed once, judged pair by pair, rebuilt from what was judged.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::ask::BadTarget;
use crate::document::Density;
use crate::size::AskedSize;

/// More pairs than any route names.
const MAX_PAIRS: usize = 16;

/// The decoded pairs of a query; no key stands twice.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Pairs<'a> {
    /// Reads a raw query.
    ///
    /// # Errors
    /// What two readers might read differently.
    pub(crate) fn parse(query: Option<&'a str>) -> Result<Self, BadTarget> {
        let mut pairs = Self::default();
        let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(pairs) };
        if query.bytes().any(|b| !b.is_ascii_graphic() || b == b'#') {
            return Err(BadTarget::Character);
        }
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let (key, value) = (decode(key)?, decode(value)?);
            if pairs.value(&key).is_some() {
                return Err(BadTarget::DuplicateKey);
            }
            if pairs.0.len() == MAX_PAIRS {
                return Err(BadTarget::TooManyKeys);
            }
            pairs.0.push((key, value));
        }
        Ok(pairs)
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_ref())
    }

    /// The size that a route's query names.
    pub(crate) fn size(&self, rules: &[QueryRule]) -> Option<AskedSize> {
        let rule = rules.iter().find(|rule| matches!(rule.values, Some(Values::Size(_))))?;
        AskedSize::parse(self.value(&rule.key)?)
    }

    /// Whether every pair is one that the rules name, with a value that they allow, and every
    /// required key is there.
    pub(crate) fn fit(&self, rules: &[QueryRule]) -> bool {
        let named = |key: &str| rules.iter().any(|rule| rule.key == key);
        self.0.iter().all(|(key, _)| named(key))
            && rules.iter().all(|rule| match self.value(&rule.key) {
                Some("") => rule.bare,
                Some(value) => rule.values.as_ref().is_some_and(|values| values.allow(value)),
                None => !rule.required,
            })
    }

    /// Appends the query, in the order of the rules. Only for pairs that fit: their values need
    /// no encoding.
    pub(crate) fn write(&self, rules: &[QueryRule], target: &mut String) {
        let mut mark = '?';
        for rule in rules {
            if let Some(value) = self.value(&rule.key) {
                target.push(mark);
                target.push_str(&rule.key);
                if !value.is_empty() {
                    target.push('=');
                    target.push_str(value);
                }
                mark = '&';
            }
        }
    }
}

fn decode(text: &str) -> Result<Cow<'_, str>, BadTarget> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let complete = text.split('%').skip(1).all(|part| {
        part.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !complete {
        return Err(BadTarget::Encoding);
    }
    percent_decode_str(text).decode_utf8().map_err(|_| BadTarget::Encoding)
}

/// A query key that a route names.
#[derive(Debug)]
pub(crate) struct QueryRule {
    pub(crate) key: String,
    /// The values; none for a key that stands alone.
    pub(crate) values: Option<Values>,
    /// Whether it may stand alone.
    pub(crate) bare: bool,
    pub(crate) required: bool,
}

/// The values that a key may have.
// INVARIANT: whatever is allowed consists of characters that `is_safe` names.
#[derive(Debug)]
pub(crate) enum Values {
    /// One of these.
    OneOf(Vec<String>),
    /// Some of these, each once, joined by commas.
    AnyOf(Vec<String>),
    /// A word of at most so many characters.
    Token(usize),
    /// A decimal number from 1 to this, without leading zeros.
    Number(u32),
    /// A named size.
    Size(Density),
}

impl Values {
    fn allow(&self, value: &str) -> bool {
        match self {
            Self::OneOf(values) => values.iter().any(|allowed| allowed == value),
            Self::AnyOf(values) => {
                let mut seen = Vec::new();
                value.split(',').all(|word| {
                    let fresh =
                        values.iter().any(|allowed| allowed == word) && !seen.contains(&word);
                    seen.push(word);
                    fresh
                })
            }
            Self::Token(longest) => {
                (1..=*longest).contains(&value.len())
                    && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
            }
            Self::Number(largest) => {
                !value.starts_with('0')
                    && value.bytes().all(|b| b.is_ascii_digit())
                    && value.parse::<u32>().is_ok_and(|number| number <= *largest)
            }
            Self::Size(density) => match AskedSize::parse(value) {
                Some(AskedSize::Doubled(_)) => *density == Density::Double,
                Some(_) => true,
                None => false,
            },
        }
    }
}

/// Whether a word may stand in a query as it is.
pub(crate) fn is_safe(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~@".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(key: &str, values: Values) -> QueryRule {
        let key = key.to_owned();
        QueryRule { key, values: Some(values), bare: false, required: false }
    }

    #[test]
    fn odd_queries_are_no_queries() {
        let check = |query: &str, expected: BadTarget| {
            assert_eq!(Pairs::parse(Some(query)), Err(expected), "{query}");
        };
        check("a=1&a=2", BadTarget::DuplicateKey);
        check("a=1&a", BadTarget::DuplicateKey);
        check("a=1&%61=1", BadTarget::DuplicateKey);
        check("a=%4", BadTarget::Encoding);
        check("a=%", BadTarget::Encoding);
        check("a=%zz", BadTarget::Encoding);
        check("a=%ff", BadTarget::Encoding);
        check("a=%c0%af", BadTarget::Encoding);
        check("a=b#c", BadTarget::Character);
        check("a=b c", BadTarget::Character);
        check("a=b\r\nx", BadTarget::Character);
        check("a=é", BadTarget::Character);
        let many: Vec<String> = (0..17).map(|key| format!("k{key}=")).collect();
        check(&many.join("&"), BadTarget::TooManyKeys);
    }

    #[test]
    fn values_are_exact() {
        let check = |values: Values, yes: &[&str], no: &[&str]| {
            for value in yes {
                assert!(values.allow(value), "{value} is allowed");
            }
            for value in no {
                assert!(!values.allow(value), "{value} is not allowed");
            }
        };
        let words = || vec!["picks".to_owned(), "tags".to_owned()];
        check(Values::OneOf(words()), &["picks", "tags"], &["", "Picks", "picks,tags", "tags "]);
        check(Values::AnyOf(words()), &["picks", "tags,picks"], &["", "tags,", "tags,tags", "a"]);
        check(Values::Token(4), &["a", "a-_.", "~123"], &["", "12345", "a/b", "a+b", "a&b", "é"]);
        check(Values::Number(20), &["1", "20"], &["", "0", "21", "+1", "01", "1e1", "-1"]);
        check(Values::Size(Density::Single), &["large", "original"], &["large@2x", "huge"]);
    }

    #[test]
    fn an_unnamed_key_does_not_fit() {
        let rules = [rule("a", Values::Token(9)), rule("b", Values::Token(9))];
        let fit = |query: &str| Pairs::parse(Some(query)).unwrap().fit(&rules);
        assert!(fit("") && fit("a=1") && fit("&b=2&&a=1&"));
        assert!(!fit("c=1") && !fit("a=1&c") && !fit("A=1") && !fit("=1") && !fit("a%20=1"));
    }

    #[test]
    fn the_rebuilt_query_has_the_order_of_the_rules() {
        let rules = [rule("a", Values::Token(9)), rule("b", Values::Token(9))];
        let mut target = String::new();
        Pairs::parse(Some("b=%31&a=x")).unwrap().write(&rules, &mut target);
        assert_eq!(target, "?a=x&b=1");
    }

    #[test]
    fn a_key_stands_alone_only_where_it_may() {
        let word = || Values::OneOf(vec!["crc".to_owned()]);
        let alone = QueryRule { key: "ls".into(), values: None, bare: true, required: false };
        let either =
            QueryRule { key: "zip".into(), values: Some(word()), bare: true, required: false };
        let rules = [alone, either, rule("a", word())];
        let fit = |query: &str| Pairs::parse(Some(query)).unwrap().fit(&rules);
        assert!(fit("ls") && fit("ls=") && fit("zip") && fit("zip=crc") && fit("a=crc"));
        assert!(!fit("ls=1") && !fit("zip=x") && !fit("a") && !fit("a="));
        let mut target = String::new();
        Pairs::parse(Some("zip=&ls")).unwrap().write(&rules, &mut target);
        assert_eq!(target, "?ls&zip");
    }
}
