//! From a request to what it asks: the first route that fits decides.

use std::sync::Arc;

use vestibule_schema::{GalleryPath, Sizes};

use crate::ask::{Ask, BadTarget, Classified, ForwardTarget};
use crate::map::{Needs, Route, RouteMap};
use crate::query::Pairs;
use crate::template::Captured;

impl RouteMap {
    /// Classifies a request. `path` is raw and relative to the site, so that it begins with `/`;
    /// `query` is what stands after the `?`.
    #[must_use]
    pub fn classify(
        &self,
        method: &str,
        path: &str,
        query: Option<&str>,
        sizes: &Sizes,
    ) -> Classified {
        let canonical = match GalleryPath::from_encoded(path) {
            Ok(canonical) => canonical,
            Err(error) => return Classified::BadRequest(BadTarget::Path(error)),
        };
        match Pairs::parse(query) {
            Ok(pairs) => self.first_that_fits(method, canonical.as_str(), &pairs, sizes),
            Err(error) => Classified::BadRequest(error),
        }
    }

    fn first_that_fits(
        &self,
        method: &str,
        path: &str,
        pairs: &Pairs<'_>,
        sizes: &Sizes,
    ) -> Classified {
        let mut allow: Option<&Arc<str>> = None;
        let mut has_method = false;
        for route in &self.routes {
            let captured = match route.path.fit(path) {
                Ok(Some(captured)) => captured,
                Ok(None) => continue,
                Err(error) => return Classified::BadRequest(BadTarget::Path(error)),
            };
            if matches!(&captured, Captured::Place(place) if place.is_reserved()) {
                return Classified::Reserved;
            }
            allow = Some(&route.allow);
            if route.methods.iter().any(|known| known == method) {
                has_method = true;
                if let Some(ask) = route.ask(captured, pairs, sizes) {
                    return Classified::Ask(ask);
                }
            }
        }
        match allow {
            Some(allow) if !has_method => Classified::MethodNotAllowed { allow: Arc::clone(allow) },
            _ => Classified::Unclassified,
        }
    }
}

impl Route {
    /// The ask, if the query fits too.
    fn ask(&self, captured: Captured, pairs: &Pairs<'_>, sizes: &Sizes) -> Option<Ask> {
        if !pairs.fit(&self.query) {
            return None;
        }
        let wanted = match self.needs {
            Needs::Fixed(wanted) => wanted,
            Needs::BySize(used) => pairs.size(&self.query)?.wanted(used, sizes),
        };
        let (mut text, path) = match captured {
            Captured::Place(place) => (self.path.build(Some(&place)), place),
            Captured::Root => (self.path.build(None), GalleryPath::root()),
            Captured::File(name) => {
                let mut text = self.path.build(None);
                text.push('/');
                text.push_str(&name);
                (text, GalleryPath::root())
            }
        };
        let path_end = text.len();
        pairs.write(&self.query, &mut text);
        let forward = ForwardTarget { text, path_end };
        Some(Ask { wanted, path, kind: self.kind, span: self.span, forward })
    }
}

#[cfg(test)]
mod tests;
