//! A map's own examples: its tests, which live beside its routes.

use toml::Spanned;
use vestibule_schema::{Problem, Sizes};

use crate::ask::Classified;
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
        let got = outcome(&self.classify(method, path, query, &Sizes::default()));
        let expected = Outcome(example.expect.clone(), example.on.clone(), example.forward.clone());
        if got == expected {
            return None;
        }
        let message = format!("`{method} {}` is not what the example says", example.url);
        let Outcome(expect, on, forward) = got;
        let help = match (on, forward) {
            (Some(on), Some(forward)) => {
                format!("it is {expect} on `{on}`, forwarded as `{forward}`")
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

/// What is expected, on what, and what is forwarded.
#[derive(PartialEq, Eq)]
struct Outcome(String, Option<String>, Option<String>);

fn outcome(classified: &Classified) -> Outcome {
    match classified {
        Classified::Ask(ask) => Outcome(
            ask.wanted.to_string(),
            Some(ask.path.as_str().to_owned()),
            Some(ask.forward.as_str().to_owned()),
        ),
        Classified::Unclassified => Outcome("unclassified".into(), None, None),
        Classified::MethodNotAllowed { .. } => Outcome("method not allowed".into(), None, None),
        Classified::BadRequest(_) => Outcome("bad request".into(), None, None),
        Classified::Reserved => Outcome("reserved".into(), None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ships is right.
    #[test]
    fn every_built_in_map_holds_its_examples() {
        for name in RouteMap::built_in_names() {
            let map = RouteMap::built_in(name).unwrap();
            let problems = map.check_examples();
            let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert!(problems.is_empty(), "{name}:\n{}", shown.join("\n"));
            assert!(map.example_count() > map.routes.len(), "{name} has too few examples");
            assert_eq!(map.name(), name);
        }
    }
}
