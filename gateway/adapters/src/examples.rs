//! A map's own examples: its tests, which live beside its routes.

use toml::Spanned;
use vestibule_schema::{Problem, Sizes};

use crate::ask::{Classified, Further};
use crate::classify::Asked;
use crate::document::ExampleDocument;
use crate::map::RouteMap;

impl RouteMap {
    /// Runs the map's examples with the default sizes. Each that does not come true is a problem.
    #[must_use]
    pub fn check_examples(&self) -> Vec<Problem> {
        self.examples.iter().filter_map(|example| self.check_example(example)).collect()
    }

    /// How many examples the map has.
    #[must_use]
    pub fn example_count(&self) -> usize {
        self.examples.len()
    }

    fn check_example(&self, spanned: &Spanned<ExampleDocument>) -> Option<Problem> {
        let example = spanned.get_ref();
        let method = example.method.as_deref().unwrap_or("GET");
        let (path, query) = match example.url.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (example.url.as_str(), None),
        };
        let mut asked = Asked::new(method, path, query);
        asked.depth = example.depth.as_deref();
        asked.destination = example.destination.as_deref();
        let got = outcome(&self.classify_all(asked, &Sizes::default()));
        let expected = Outcome {
            expect: example.expect.clone(),
            on: example.on.clone(),
            also: example.also.clone(),
            forward: example.forward.clone(),
        };
        if got == expected {
            return None;
        }
        let message = format!("`{method} {}` is not what the example says", example.url);
        let Outcome { expect, on, also, forward } = got;
        let help = match (on, forward) {
            (Some(on), Some(forward)) if also.is_empty() => {
                format!("it is {expect} on `{on}`, forwarded as `{forward}`")
            }
            (Some(on), Some(forward)) => {
                format!("it is {expect} on `{on}`, also {also:?}, forwarded as `{forward}`")
            }
            _ => format!("it is {expect}"),
        };
        Some(
            Problem::error("adapter::example", message)
                .at(&self.source, spanned.span(), "")
                .help(help),
        )
    }
}

/// What is expected, on what, what beside it, and what is forwarded.
#[derive(Default, PartialEq, Eq)]
struct Outcome {
    expect: String,
    on: Option<String>,
    also: Vec<String>,
    forward: Option<String>,
}

fn outcome(classified: &Classified) -> Outcome {
    let only = |expect: &str| Outcome { expect: expect.to_owned(), ..Outcome::default() };
    match classified {
        Classified::Ask(ask) => Outcome {
            expect: ask.wanted.to_string(),
            on: Some(ask.path.as_str().to_owned()),
            also: ask.further.iter().map(shown).collect(),
            forward: Some(ask.forward.as_str().to_owned()),
        },
        Classified::Unclassified => only("unclassified"),
        Classified::MethodNotAllowed { .. } => only("method not allowed"),
        Classified::BadRequest(_) => only("bad request"),
        Classified::Reserved => only("reserved"),
    }
}

/// A further question, as an example writes it.
fn shown(further: &Further) -> String {
    let unless = if further.unless_folder { " unless it is a folder" } else { "" };
    format!("{} on {}{unless}", further.wanted, further.path)
}

#[cfg(test)]
mod tests {
    use vestibule_schema::Source;

    use super::*;
    use crate::map::BUILT_IN;

    /// What ships is right.
    #[test]
    fn every_built_in_map_holds_its_examples() {
        for name in RouteMap::built_in_names() {
            let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name).unwrap();
            let map = RouteMap::parse(&Source::new(name, text));
            let map = map.unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
            let problems = map.check_examples();
            let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert!(problems.is_empty(), "{name}:\n{}", shown.join("\n"));
            assert!(map.example_count() > map.routes.len(), "{name} has too few examples");
            assert_eq!(map.name(), name);
        }
    }
}
