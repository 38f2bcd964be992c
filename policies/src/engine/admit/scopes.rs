//! Where roles that count in a scope count: below their base paths, and on what was shared.

use vestibule_schema::{GalleryPath, RoleName};

use crate::engine::mask::Held;
use crate::engine::{Fault, Place, SiteEngine};
use crate::principal::{Principal, Share};

impl SiteEngine {
    /// Whether some of the user's roles count in a scope only.
    pub(in crate::engine) fn holds_scoped_role(&self, principal: &Principal) -> bool {
        principal.is_signed_in()
            && self.rights.has_paths()
            && !self.scoped_bases(principal).is_empty()
    }

    /// Where the user's scoped roles begin to count, their upload paths included.
    pub(in crate::engine) fn scoped_paths(&self, principal: &Principal) -> Vec<GalleryPath> {
        let Some(user) = principal.as_user() else {
            return Vec::new();
        };
        let standing = self.standing(user);
        let paths = standing.bases.into_values().chain(standing.uploads.into_values());
        paths.flatten().collect()
    }

    /// Where roles of the principal's begin to count, and those of who shared something with them;
    /// what was shared, too.
    pub(in crate::engine) fn scopes_of(&self, principal: &Principal) -> Vec<GalleryPath> {
        let mut paths = self.scoped_paths(principal);
        for share in principal.shares() {
            paths.extend(self.scoped_paths(&share.maker));
            paths.push(share.path.clone());
        }
        paths.retain(GalleryPath::is_folder);
        paths
    }

    /// The base paths of the user's scoped roles.
    pub(in crate::engine) fn scoped_bases(&self, principal: &Principal) -> Vec<GalleryPath> {
        let Some(user) = principal.as_user() else {
            return Vec::new();
        };
        let standing = self.standing(user);
        if standing.locked {
            return Vec::new();
        }
        let is_scoped =
            |name: &RoleName| self.model.block.roles.get(name).is_some_and(|role| role.scoped);
        let scoped = standing.bases.into_iter().filter(|(role, _)| is_scoped(role));
        scoped.flat_map(|(_, bases)| bases).collect()
    }

    /// The roles of the site's block that somebody holds who opened a share: those that count in a
    /// scope count on what is shared. `None`: there is no such role, or it is no user.
    pub(in crate::engine) fn held_with_share(
        &self,
        principal: &Principal,
        place: &Place<'_>,
        share: &Share,
    ) -> Result<Option<Vec<Held>>, Fault> {
        let mut hearing = self.hearing_over(principal, vec![&self.model.block], place);
        let candidates = self.candidates(&hearing);
        if !candidates.iter().any(|one| one.role.is_some_and(|role| role.scoped)) {
            return Ok(None);
        }
        hearing.share = Some(share);
        self.hear(&hearing, &candidates).map(Some)
    }
}
