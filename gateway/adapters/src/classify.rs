//! From a request to what it asks: the first route that fits decides.

use std::sync::Arc;

use vestibule_schema::{Action, GalleryPath, Sizes};

use crate::ask::{
    Ask, BadTarget, Classified, Depth, ForwardTarget, Further, Span, Wanted, Write, WriteTarget,
};
use crate::document::WriteWord;
use crate::map::{Needs, Route, RouteMap};
use crate::query::Pairs;
use crate::template::{Capture, Captured};

/// A request as it is classified.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'r> {
    /// The method.
    pub method: &'r str,
    /// The raw path, relative to the site, so that it begins with `/`.
    pub path: &'r str,
    /// What stands after the `?`.
    pub query: Option<&'r str>,
    /// The header `Depth`.
    pub depth: Option<&'r str>,
    /// The raw path of the header `Destination`, relative to the site.
    pub destination: Option<&'r str>,
}

impl<'r> Asked<'r> {
    /// A request without the headers of WebDAV.
    #[must_use]
    pub fn new(method: &'r str, path: &'r str, query: Option<&'r str>) -> Self {
        Self { method, path, query, depth: None, destination: None }
    }
}

impl RouteMap {
    /// Classifies a request without the headers of WebDAV. `path` is raw and relative to the
    /// site, so that it begins with `/`; `query` is what stands after the `?`.
    #[must_use]
    pub fn classify(
        &self,
        method: &str,
        path: &str,
        query: Option<&str>,
        sizes: &Sizes,
    ) -> Classified {
        self.classify_all(Asked::new(method, path, query), sizes)
    }

    /// Classifies a request.
    #[must_use]
    pub fn classify_all(&self, asked: Asked<'_>, sizes: &Sizes) -> Classified {
        self.try_classify(asked, sizes).unwrap_or_else(Classified::BadRequest)
    }

    fn try_classify(&self, asked: Asked<'_>, sizes: &Sizes) -> Result<Classified, BadTarget> {
        let canonical = GalleryPath::from_encoded(asked.path).map_err(BadTarget::Path)?;
        let destination = asked.destination.map(GalleryPath::from_encoded).transpose();
        let request = Request {
            method: asked.method,
            path: canonical.as_str(),
            pairs: Pairs::parse(asked.query)?,
            depth: asked.depth,
            destination: destination.map_err(BadTarget::Path)?,
            sizes,
        };
        self.first_that_fits(&request)
    }

    fn first_that_fits(&self, request: &Request<'_>) -> Result<Classified, BadTarget> {
        let mut fitting: Vec<&Route> = Vec::new();
        let mut has_method = false;
        for route in &self.routes {
            let captured = route.path.fit(request.path).map_err(BadTarget::Path)?;
            let Some(captured) = captured else { continue };
            if captured.is_reserved(route) {
                return Ok(Classified::Reserved);
            }
            fitting.push(route);
            if route.methods.iter().any(|known| known == request.method) {
                has_method = true;
                if let Some(classified) = route.ask(captured, request)? {
                    return Ok(classified);
                }
            }
        }
        Ok(match fitting.as_slice() {
            [] => Classified::Unclassified,
            _ if has_method => Classified::Unclassified,
            [first, rest @ ..] if rest.iter().all(|route| route.allow == first.allow) => {
                Classified::MethodNotAllowed { allow: Arc::clone(&first.allow) }
            }
            several => Classified::MethodNotAllowed { allow: methods_of(several) },
        })
    }
}

/// The methods of several routes, for the header `Allow`.
fn methods_of(routes: &[&Route]) -> Arc<str> {
    let methods = routes.iter().flat_map(|route| route.methods.iter().map(String::as_str));
    let mut methods: Vec<&str> = methods.collect();
    methods.sort_unstable();
    methods.dedup();
    Arc::from(methods.join(", "))
}

/// A request whose path, query and destination have been read.
struct Request<'r> {
    method: &'r str,
    path: &'r str,
    pairs: Pairs<'r>,
    depth: Option<&'r str>,
    destination: Option<GalleryPath>,
    sizes: &'r Sizes,
}

impl Captured {
    /// Whether a name in the path is one that is never shown, however the server reads its end.
    fn is_reserved(&self, route: &Route) -> bool {
        match self {
            Self::Place(place) if route.path.capture == Capture::Slashed => is_reserved(place),
            Self::Place(place) => place.is_reserved(),
            Self::Either(place) => is_reserved(place),
            Self::File(_) | Self::Root => false,
        }
    }
}

fn is_reserved(place: &GalleryPath) -> bool {
    place.is_reserved() || other_reading(place).is_some_and(|other| other.is_reserved())
}

/// The same place with a slash at the end, or without; the root has no other reading.
fn other_reading(place: &GalleryPath) -> Option<GalleryPath> {
    if !place.is_folder() {
        return Some(place.as_folder());
    }
    GalleryPath::from_decoded(place.as_str().strip_suffix('/')?).ok()
}

impl Route {
    /// What is asked, if the query and the depth fit too.
    fn ask(
        &self,
        captured: Captured,
        request: &Request<'_>,
    ) -> Result<Option<Classified>, BadTarget> {
        if !request.pairs.fit(&self.query) {
            return Ok(None);
        }
        let depth = match &self.depth {
            None => None,
            Some(depths) => {
                let depth = Depth::read(request.depth).ok_or(BadTarget::Depth)?;
                if !depths.contains(&depth) {
                    return Ok(None);
                }
                Some(depth)
            }
        };
        let wanted = match self.needs {
            Needs::Fixed(wanted) => wanted,
            Needs::BySize(used) => match request.pairs.size(&self.query) {
                Some(size) => size.wanted(used, request.sizes),
                None => return Ok(None),
            },
        };
        let is_either = matches!(captured, Captured::Either(_));
        let (text, path) = self.place(captured);
        let Some(write) = self.write(&path, request)? else { return Ok(None) };
        if write.as_ref().and_then(|write| write.target.as_ref()).is_some_and(is_reserved_target) {
            return Ok(Some(Classified::Reserved));
        }
        let target = write.as_ref().and_then(|write| write.target.as_ref());
        let further = self.further(wanted, &path, is_either, target.map(|target| &target.path));
        let forward = forward(text, &request.pairs, self);
        let (kind, span, headers) = (self.kind, self.span, Arc::clone(&self.headers));
        Ok(Some(Classified::Ask(Ask {
            wanted,
            path,
            kind,
            span,
            further,
            write,
            upgrade: self.upgrade,
            forward,
            headers,
            depth,
        })))
    }

    /// The path as it is forwarded, and the place that it names.
    fn place(&self, captured: Captured) -> (String, GalleryPath) {
        match captured {
            Captured::Place(place) | Captured::Either(place) => {
                (self.path.build(Some(&place)), place)
            }
            Captured::Root => (self.path.build(None), GalleryPath::root()),
            Captured::File(name) => {
                let mut text = self.path.build(None);
                text.push('/');
                text.push_str(&name);
                (text, GalleryPath::root())
            }
        }
    }

    /// What is changed; `None` if no route has such a change.
    fn write(
        &self,
        path: &GalleryPath,
        request: &Request<'_>,
    ) -> Result<Option<Option<Write>>, BadTarget> {
        let target = match (self.destination, &request.destination) {
            (None, _) => None,
            (Some(_), None) => return Err(BadTarget::Destination),
            (Some(_), Some(target)) => {
                let (from, to) = (path.as_folder(), target.as_folder());
                if to.is_within(&from) || from.is_within(&to) {
                    return Err(BadTarget::Destination);
                }
                let text = self.path.build(Some(target));
                let forward = ForwardTarget { path_end: text.len(), text };
                Some(WriteTarget { path: target.clone(), forward })
            }
        };
        let Some(word) = self.write else { return Ok(Some(None)) };
        let removes = word == WriteWord::Removes;
        if path.is_root() && removes {
            return Ok(None);
        }
        Ok(Some(Some(Write { creates: word == WriteWord::Creates, removes, target })))
    }

    /// What is asked beside the first question.
    fn further(
        &self,
        wanted: Wanted,
        path: &GalleryPath,
        is_either: bool,
        target: Option<&GalleryPath>,
    ) -> Vec<Further> {
        let ask = |wanted: Wanted, path: &GalleryPath, span: Span| Further {
            wanted,
            path: path.clone(),
            span,
            unless_folder: false,
        };
        let one = |action: Action, path: &GalleryPath, span| ask(Wanted::one(action), path, span);
        let other = other_reading(path);
        let mut further: Vec<Further> =
            self.and.iter().map(|action| one(*action, path, self.span)).collect();
        if let Some(other) = other.as_ref().filter(|_| is_either) {
            further.push(ask(wanted, other, self.span));
            further.extend(self.and.iter().map(|action| one(*action, other, self.span)));
        }
        if let (Some(action), Some(other)) = (self.as_file, &other) {
            further.push(Further { unless_folder: true, ..one(action, other, Span::One) });
        }
        if let (Some(action), Some(target)) = (self.destination, target) {
            // what is there before is gone afterwards, with all that it holds
            further.push(one(action, target, Span::Tree));
            further.extend(other_reading(target).map(|other| one(action, &other, Span::Tree)));
        }
        further
    }
}

fn is_reserved_target(target: &WriteTarget) -> bool {
    is_reserved(&target.path)
}

fn forward(mut text: String, pairs: &Pairs<'_>, route: &Route) -> ForwardTarget {
    let path_end = text.len();
    pairs.write(&route.query, &mut text);
    ForwardTarget { text, path_end }
}

#[cfg(test)]
mod tests;
