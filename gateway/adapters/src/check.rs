//! From the TOML to a [`RouteMap`], with every mistake at its place.

mod dav;

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use vestibule_schema::{Action, Problem, Source, problem};

use crate::ask::{Kind, Span, Upgrade, Wanted};
use crate::document::{
    ExampleDocument, HandOverWord, MapDocument, NeedsDocument, PrefixWord, RouteDocument,
    ValueDocument,
};
use dav::Dav;

use crate::map::{HandOver, Needs, Route, RouteMap};
use crate::query::{QueryRule, Values, is_safe};
use crate::template::{Capture, Template};

/// Methods that a map may name. `CONNECT` and `TRACE` pass nowhere.
const METHODS: [&str; 15] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "MOVE",
    "COPY",
    "LOCK",
    "UNLOCK",
    "REPORT",
];

pub(crate) fn parse(source: &Source) -> Result<RouteMap, Vec<Problem>> {
    let document: MapDocument =
        toml::from_str(source.text()).map_err(|error| vec![syntax(source, &error)])?;
    let mut check = Check { source, problems: Vec::new() };
    let mut routes: Vec<Route> =
        document.route.iter().filter_map(|route| check.route(route.get_ref())).collect();
    let cookies = document.cookies.as_ref().and_then(|cookies| check.words(cookies));
    let keeps_prefix = document.prefix == PrefixWord::Kept;
    let mut page =
        |page: Option<&Spanned<String>>, capture| page.and_then(|page| check.page(page, capture));
    let folder_page = page(document.folder_page.as_ref(), &Capture::Folder);
    let image_page = page(document.image_page.as_ref(), &Capture::Image);
    let hand_over = match document.hand_over {
        HandOverWord::Grant => HandOver::Grant,
        HandOverWord::Nothing => HandOver::Nothing,
    };
    if !check.problems.is_empty() {
        problem::sort(&mut check.problems);
        return Err(check.problems);
    }
    join_methods(&mut routes);
    let examples: Vec<Spanned<ExampleDocument>> = document.example;
    let (name, source) = (document.name, source.clone());
    Ok(RouteMap {
        name,
        hand_over,
        keeps_prefix,
        cookies,
        folder_page,
        image_page,
        routes,
        source,
        examples,
    })
}

/// What the TOML reader has to say, at its place.
fn syntax(source: &Source, error: &toml::de::Error) -> Problem {
    let message = error.message().trim().trim_end_matches('.');
    let found =
        Problem::error("adapter::syntax", message).at(source, error.span().unwrap_or(0..0), "");
    let mut words = message.split('`').skip(1).step_by(2);
    match words.next() {
        Some(word) if message.starts_with("unknown") => found.suggest(word, words),
        _ => found,
    }
}

/// The methods of all routes with the same path, for the header `Allow`.
fn join_methods(routes: &mut [Route]) {
    let joined: Vec<Arc<str>> = routes
        .iter()
        .map(|route| {
            let alike = routes.iter().filter(|other| other.path == route.path);
            let mut methods: Vec<&str> =
                alike.flat_map(|other| other.methods.iter().map(String::as_str)).collect();
            methods.sort_unstable();
            methods.dedup();
            Arc::from(methods.join(", "))
        })
        .collect();
    for (route, allow) in routes.iter_mut().zip(joined) {
        route.allow = allow;
    }
}

struct Check<'a> {
    source: &'a Source,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn error(&mut self, code: &'static str, message: impl Into<String>, span: Range<usize>) {
        self.problems.push(Problem::error(code, message).at(self.source, span, ""));
    }

    fn route(&mut self, route: &RouteDocument) -> Option<Route> {
        let methods = self.methods(route);
        let path = self.template(route);
        let needs = self.needs(&route.needs);
        let query = route
            .query
            .iter()
            .filter_map(|(key, values)| self.query_rule(key, values))
            .collect::<Vec<_>>();
        let and = route.needs.get_ref().and.iter().filter_map(|action| self.action(action));
        let and = and.collect();
        let dav = self.dav(route);
        let (methods, path, needs) = (methods?, path?, needs?);
        self.consistency(route, &path, needs, &query);
        self.dav_consistency(route, &path, &methods);
        let upgrade = self.upgrade(route, &methods);
        let (kind, span, allow) = (route.kind, route.span, Arc::from(""));
        let Dav { as_file, destination, depth, headers } = dav;
        let write = route.write;
        Some(Route {
            methods,
            allow,
            path,
            kind,
            span,
            upgrade,
            needs,
            and,
            as_file,
            destination,
            depth,
            headers,
            write,
            query,
        })
    }

    /// `GET` alone unless named, and `HEAD` wherever there is `GET`.
    fn methods(&mut self, route: &RouteDocument) -> Option<Vec<String>> {
        let Some(named) = &route.methods else { return Some(vec!["GET".into(), "HEAD".into()]) };
        if named.get_ref().is_empty() {
            self.error("adapter::methods", "a route without method fits nothing", named.span());
            return None;
        }
        let mut methods = Vec::new();
        for method in named.get_ref() {
            let word = method.get_ref().as_str();
            if !METHODS.contains(&word) {
                let found = Problem::error("adapter::method", format!("unknown method `{word}`"))
                    .at(self.source, method.span(), "")
                    .suggest(word, METHODS);
                self.problems.push(found);
                return None;
            }
            methods.push(word.to_owned());
            if word == "GET" {
                methods.push("HEAD".to_owned());
            }
        }
        methods.sort_unstable();
        methods.dedup();
        Some(methods)
    }

    /// A WebSocket begins with `GET`.
    fn upgrade(&mut self, route: &RouteDocument, methods: &[String]) -> Option<Upgrade> {
        let upgrade = route.upgrade.as_ref()?;
        if !methods.iter().any(|method| method == "GET") {
            let message = "only a request of the method `GET` becomes a WebSocket";
            self.error("adapter::upgrade", message, upgrade.span());
        }
        Some(*upgrade.get_ref())
    }

    fn template(&mut self, route: &RouteDocument) -> Option<Template> {
        let files = match &route.files {
            Some(files) => self.words(files)?,
            None => Vec::new(),
        };
        match Template::parse(route.path.get_ref(), files) {
            Ok(path) => Some(path),
            Err(error) => {
                self.error("adapter::path", error.to_string(), route.path.span());
                None
            }
        }
    }

    /// The address of a page: that of a folder, or of an image.
    fn page(&mut self, page: &Spanned<String>, capture: &Capture) -> Option<Template> {
        match Template::parse(page.get_ref(), Vec::new()) {
            Ok(template) if template.capture == *capture => Some(template),
            Ok(_) => {
                let message = match capture {
                    Capture::Image => "the image page has no `{image}`",
                    Capture::Nothing
                    | Capture::Folder
                    | Capture::Slashed
                    | Capture::Place
                    | Capture::File(_) => "the folder page has no `{folder}`",
                };
                self.error("adapter::path", message, page.span());
                None
            }
            Err(error) => {
                self.error("adapter::path", error.to_string(), page.span());
                None
            }
        }
    }

    fn needs(&mut self, needs: &Spanned<NeedsDocument>) -> Option<Needs> {
        let document = needs.get_ref();
        match (&document.action, &document.or, document.size) {
            (Some(first), None, None) => Some(Needs::Fixed(Wanted::one(self.action(first)?))),
            (Some(first), Some(or), None) => {
                Some(Needs::Fixed(Wanted::either(self.action(first)?, self.action(or)?)))
            }
            (None, None, Some(used)) => Some(Needs::BySize(used)),
            _ => {
                let message =
                    "a route needs an `action`, an `action` or another, or what a `size` needs";
                self.error("adapter::needs", message, needs.span());
                None
            }
        }
    }

    fn action(&mut self, word: &Spanned<String>) -> Option<Action> {
        let found = Action::from_name(word.get_ref());
        if found.is_none() {
            let names = Action::ALL.iter().map(|action| action.name());
            let message = format!("unknown action `{}`", word.get_ref());
            self.problems.push(
                Problem::error("adapter::unknown_action", message)
                    .at(self.source, word.span(), "")
                    .suggest(word.get_ref(), names),
            );
        }
        found
    }

    /// A list of words that may stand in a target as they are.
    fn words(&mut self, words: &Spanned<Vec<Spanned<String>>>) -> Option<Vec<String>> {
        if words.get_ref().is_empty() {
            self.error("adapter::words", "the list is empty, so that nothing fits", words.span());
            return None;
        }
        for word in words.get_ref() {
            if !is_safe(word.get_ref()) {
                let message = format!(
                    "`{}` may have letters, digits, `-`, `.`, `_`, `~` and `@` only",
                    word.get_ref()
                );
                self.error("adapter::words", message, word.span());
                return None;
            }
        }
        Some(words.get_ref().iter().map(|word| word.get_ref().clone()).collect())
    }

    fn query_rule(
        &mut self,
        key: &Spanned<String>,
        values: &Spanned<ValueDocument>,
    ) -> Option<QueryRule> {
        if !is_safe(key.get_ref()) {
            let message = format!("`{}` can't be a query key", key.get_ref());
            self.error("adapter::words", message, key.span());
            return None;
        }
        let document = values.get_ref();
        let found = [
            document.one_of.as_ref().and_then(|words| self.words(words)).map(Values::OneOf),
            document.any_of.as_ref().and_then(|words| self.words(words)).map(Values::AnyOf),
            document.token.map(Values::Token),
            document.number.map(Values::Number),
            document.size.map(Values::Size),
        ];
        let mut found = found.into_iter().flatten();
        let bare = document.bare;
        match (found.next(), found.next()) {
            (values, None) if values.is_some() || bare => {
                let (key, required) = (key.get_ref().clone(), document.required);
                Some(QueryRule { key, values, bare, required })
            }
            _ => {
                let message = "a query key has exactly one of `one_of`, `any_of`, `token`, \
                               `number`, `size`, or stands alone with `bare = true`";
                self.error("adapter::query", message, values.span());
                None
            }
        }
    }

    /// What is right in each part, but not together.
    fn consistency(
        &mut self,
        route: &RouteDocument,
        path: &Template,
        needs: Needs,
        query: &[QueryRule],
    ) {
        let has_size = query.iter().any(|rule| matches!(rule.values, Some(Values::Size(_))));
        if matches!(needs, Needs::BySize(_)) != has_size {
            let message =
                "what a size needs goes with a query key that is a `size`, and the reverse";
            self.error("adapter::size", message, route.needs.span());
        }
        let is_file = matches!(path.capture, Capture::File(_));
        if is_file != (route.kind == Kind::Asset) || is_file != route.files.is_some() {
            let message = "`{file}`, the list `files` and the kind `asset` go together";
            self.error("adapter::files", message, route.path.span());
        }
        if route.span != Span::One && path.capture == Capture::Image {
            let message = "an image has nothing beneath it: its span is `one`";
            self.error("adapter::span", message, route.path.span());
        }
    }
}

#[cfg(test)]
mod tests;
