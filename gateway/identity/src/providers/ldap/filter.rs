//! Filters with places for values: `(uid={name})`.

use super::escape;

/// What stands in a filter's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// `{name}`: what somebody typed as their name.
    Name,
    /// `{dn}`: the distinguished name of a user's entry.
    Dn,
    /// `{user}`: the user's name, as the directory has it.
    User,
}

impl Placeholder {
    const ALL: [Self; 3] = [Self::Name, Self::Dn, Self::User];

    /// How it is written, without braces.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Dn => "dn",
            Self::User => "user",
        }
    }
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// It is not well formed.
    #[error("this is no filter as RFC 4515 writes them")]
    Syntax,
    /// A brace that begins or ends no known placeholder.
    #[error("a brace stands here for a placeholder alone; as a character it is `\\7b` or `\\7d`")]
    Brace,
    /// A placeholder of another filter.
    #[error("`{{{}}}` means nothing in this filter", placeholder.word())]
    Foreign {
        /// Which.
        placeholder: Placeholder,
    },
    /// There is no placeholder.
    #[error("this filter says nothing of whom it is about: a placeholder is missing")]
    NoPlaceholder,
    /// A placeholder stands where it could match more than its value.
    #[error(
        "`{{{}}}` must be compared with `=` and without `*`: it has to match its value alone",
        placeholder.word()
    )]
    Loose {
        /// Which.
        placeholder: Placeholder,
    },
}

/// A filter with places for values. Whatever the values are, the filter keeps its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterTemplate(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(Placeholder),
}

impl FilterTemplate {
    /// Reads a filter in which one or more of these placeholders stand; none, if the list is
    /// empty.
    ///
    /// # Errors
    /// If it is no filter, or a placeholder stands where it must not.
    pub fn parse(text: &str, placeholders: &[Placeholder]) -> Result<Self, FilterError> {
        let template = Self(split(text)?);
        let places: Vec<_> = template.places().collect();
        if places.is_empty() && !placeholders.is_empty() {
            return Err(FilterError::NoPlaceholder);
        }
        if let Some(placeholder) = places.into_iter().find(|place| !placeholders.contains(place)) {
            return Err(FilterError::Foreign { placeholder });
        }
        let is_whole = text.starts_with('(') && text.ends_with(')');
        let sample = template.fill(|_| b"x");
        if !is_whole || ldap3::parse_filter(&sample).is_err() {
            return Err(FilterError::Syntax);
        }
        for placeholder in Placeholder::ALL {
            if !is_exact(text, placeholder) {
                return Err(FilterError::Loose { placeholder });
            }
        }
        Ok(template)
    }

    /// The filter with its values.
    #[must_use]
    pub fn fill<'v>(&self, value: impl Fn(Placeholder) -> &'v [u8]) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Place(place) => escape::filter_value(value(*place)),
        });
        pieces.collect()
    }

    fn places(&self) -> impl Iterator<Item = Placeholder> + '_ {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Place(place) => Some(*place),
        })
    }
}

/// The filter that both of these must let through.
pub(crate) fn both(one: &str, other: Option<&str>) -> String {
    match other {
        Some(other) => format!("(&{one}{other})"),
        None => one.to_owned(),
    }
}

fn split(text: &str) -> Result<Vec<Piece>, FilterError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (word, behind) = after.split_once('}').ok_or(FilterError::Brace)?;
        let place = Placeholder::ALL.into_iter().find(|place| place.word() == word);
        if before.contains('}') {
            return Err(FilterError::Brace);
        }
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(Piece::Place(place.ok_or(FilterError::Brace)?));
        rest = behind;
    }
    if rest.contains('}') {
        return Err(FilterError::Brace);
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

/// Whether each place lies in a value that is compared whole. The text is a filter, so what lies
/// between two brackets is one comparison.
fn is_exact(text: &str, placeholder: Placeholder) -> bool {
    let written = format!("{{{}}}", placeholder.word());
    let comparisons = text.split(['(', ')']).filter(|part| part.contains(&written));
    let mut exact = comparisons.map(|part| match part.split_once('=') {
        Some((attribute, value)) => {
            !attribute.contains(&written)
                && !attribute.ends_with(['<', '>', '~'])
                && !value.contains('*')
        }
        None => false,
    });
    exact.all(|is_exact| is_exact)
}

#[cfg(test)]
mod tests;
