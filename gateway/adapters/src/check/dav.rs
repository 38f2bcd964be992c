//! What a route says for WebDAV, and for servers that tell no file from a folder by its slash.

use std::sync::Arc;

use vestibule_schema::{Action, Problem};

use super::Check;
use crate::ask::{Depth, HeaderWord, Span};
use crate::document::{DepthWord, RouteDocument, WriteWord};
use crate::template::{Capture, Template};

/// Methods that change something.
const WRITES: [&str; 9] =
    ["PUT", "PATCH", "DELETE", "PROPPATCH", "MKCOL", "MOVE", "COPY", "LOCK", "UNLOCK"];

/// The parts of a route that only WebDAV and its like have.
pub(super) struct Dav {
    pub(super) as_file: Option<Action>,
    pub(super) destination: Option<Action>,
    pub(super) depth: Option<Vec<Depth>>,
    pub(super) headers: Arc<[HeaderWord]>,
}

impl Check<'_> {
    pub(super) fn dav(&mut self, route: &RouteDocument) -> Dav {
        let as_file = route.as_file.as_ref().and_then(|action| self.action(action));
        let destination = route.destination.as_ref().and_then(|action| self.action(action));
        let depth = |word: &DepthWord| match word {
            DepthWord::Zero => Depth::Zero,
            DepthWord::One => Depth::One,
            DepthWord::Infinity => Depth::Infinity,
        };
        let depth =
            route.depth.as_ref().map(|words| words.get_ref().iter().map(depth).collect::<Vec<_>>());
        Dav { as_file, destination, depth, headers: self.headers(route) }
    }

    fn headers(&mut self, route: &RouteDocument) -> Arc<[HeaderWord]> {
        let mut headers = Vec::new();
        for word in route.headers.iter().flat_map(|words| words.get_ref()) {
            let name = word.get_ref().as_str();
            match HeaderWord::ALL.into_iter().find(|header| header.name() == name) {
                Some(header) => headers.push(header),
                None => self.problems.push(
                    Problem::error("adapter::header", format!("`{name}` passes on no route"))
                        .at(self.source, word.span(), "")
                        .suggest(name, HeaderWord::ALL.map(HeaderWord::name)),
                ),
            }
        }
        headers.into()
    }

    /// What is right in each part, but not together.
    pub(super) fn dav_consistency(
        &mut self,
        route: &RouteDocument,
        path: &Template,
        methods: &[String],
    ) {
        let writes = methods.iter().any(|method| WRITES.contains(&method.as_str()));
        if writes != route.write.is_some() {
            let message = "a route whose method changes something says what it does: `write` is \
                           `creates`, `changes` or `removes`, and no other route has it";
            self.error("adapter::write", message, route.path.span());
        }
        let moves = methods.iter().any(|method| method == "MOVE" || method == "COPY");
        if moves != route.destination.is_some() {
            let message = "`MOVE` and `COPY` need something at their `destination`, and no other \
                           method has one";
            self.error("adapter::destination", message, route.path.span());
        }
        let removes = methods.iter().any(|method| method == "MOVE" || method == "DELETE");
        let is_tree = route.span == Span::Tree;
        if removes && (route.write != Some(WriteWord::Removes) || !is_tree) {
            let message = "`MOVE` and `DELETE` take a whole folder: `write` is `removes`, and the \
                           span is `tree`";
            self.error("adapter::write", message, route.path.span());
        }
        if route.as_file.is_some() && path.capture != Capture::Slashed {
            let message = "`as_file` goes with a path that ends in `{folder}/`";
            self.error("adapter::as_file", message, route.path.span());
        }
    }
}
