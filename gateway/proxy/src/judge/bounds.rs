//! What an app password is good for: less than its owner may, never more.

use http::Method;
use vestibule_adapters::{Ask, Kind, Wanted};
use vestibule_identity::{AppBounds, AppScope};
use vestibule_schema::PermissionSet;

use crate::front::Head;
use crate::world::SiteRuntime;

/// Whether a request lies within the bounds of the app password that it showed. What they leave is
/// the engine's to judge.
pub(super) fn admit(bounds: &AppBounds, site: &SiteRuntime, (head, ask): (&Head, &Ask)) -> bool {
    let is_here = bounds.site.as_ref().is_none_or(|bound| *bound == site.id);
    is_here
        && is_in_folder(bounds, ask)
        && is_in_scope(bounds.scope, site, (head, ask))
        && (ask.upgrade.is_none() || is_unbounded(bounds))
}

/// Whether it is good for everything: nobody sees what goes through a tunnel.
fn is_unbounded(bounds: &AppBounds) -> bool {
    bounds.scope == AppScope::All && bounds.folder.is_none()
}

/// What of some permissions is left within the bounds.
pub(super) fn narrowed(bounds: &AppBounds, permissions: PermissionSet) -> PermissionSet {
    match bounds.scope {
        AppScope::Read => permissions.actions().filter(|action| !action.is_write()).collect(),
        AppScope::WebDav | AppScope::All => permissions,
    }
}

/// Whether everything that is asked for lies in the folder. What belongs to the gallery as a whole
/// lies in none.
fn is_in_folder(bounds: &AppBounds, ask: &Ask) -> bool {
    let Some(folder) = &bounds.folder else { return true };
    let target = ask.write.as_ref().and_then(|write| write.target.as_ref());
    let further = ask.further.iter().map(|further| &further.path);
    let mut paths =
        std::iter::once(&ask.path).chain(further).chain(target.map(|target| &target.path));
    // the folder itself may be named without its slash
    paths.all(|path| path.is_within(folder) || path.as_folder() == *folder)
}

fn is_in_scope(scope: AppScope, site: &SiteRuntime, (head, ask): (&Head, &Ask)) -> bool {
    match scope {
        AppScope::Read => ask.write.is_none() && !asked(ask).any(writes),
        AppScope::WebDav => {
            // by the route, not by what a client says of itself
            let is_files = matches!(ask.kind, Kind::Media | Kind::Api);
            let is_data = head.method != Method::POST && is_files;
            site.adapter.speaks_webdav() && !head.has_fetch_metadata && is_data
        }
        AppScope::All => true,
    }
}

fn asked(ask: &Ask) -> impl Iterator<Item = Wanted> {
    std::iter::once(ask.wanted).chain(ask.further.iter().map(|further| further.wanted))
}

fn writes(wanted: Wanted) -> bool {
    wanted.first.is_write() || wanted.or.is_some_and(|or| or.is_write())
}

#[cfg(test)]
mod tests;
