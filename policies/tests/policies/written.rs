//! A site with its documents as they were written.

use std::collections::BTreeMap;
use std::sync::Arc;

use vestibule_policies::audit::documents::Documents;
use vestibule_policies::model::{Folders, Rights};
use vestibule_policies::{Principal, SiteEngine, UserFacts, Vocabulary, check};
use vestibule_schema::document::Cascade;
use vestibule_schema::{AccountRole, GalleryPath, GroupId, Problem, SiteId, Source, UserName};

use crate::load;

pub(crate) struct Written {
    pub(crate) engine: SiteEngine,
    pub(crate) documents: Documents,
    pub(crate) warnings: Vec<Problem>,
}

/// What a site consists of.
#[derive(Default)]
pub(crate) struct Texts<'a> {
    pub(crate) nearest: bool,
    pub(crate) permissions: &'a str,
    pub(crate) grants: &'a str,
    /// Front matters by folder.
    pub(crate) folders: &'a [(&'a str, &'a str)],
    pub(crate) stored: Rights,
}

impl Texts<'_> {
    pub(crate) fn site(&self) -> Written {
        let vocabulary = Arc::new(Vocabulary::load().unwrap());
        let cascade = if self.nearest { Cascade::Nearest } else { Cascade::Restrict };
        let permissions = Source::new("permissions.toml", self.permissions);
        let grants = Source::new("grants.toml", self.grants);
        let id = SiteId::parse("s").unwrap();
        let checked = check::site(&id, cascade, &permissions, Some(&grants), vocabulary.builtin());
        let (model, mut warnings) = checked.unwrap();
        let mut folders: Folders = BTreeMap::new();
        let mut sources = Vec::new();
        for (path, front) in self.folders {
            let path = GalleryPath::from_decoded(path).unwrap();
            let name = format!("gallery:{}_folder.md", path.as_str().trim_start_matches('/'));
            let source = Source::new(&name, &format!("+++\n{front}\n+++\n"));
            let (rules, found) = check::folder(&path, &source, vocabulary.builtin());
            assert!(rules.broken.is_none() || front.contains("broken"), "{found:?}");
            warnings.extend(found);
            folders.insert(path.clone(), Arc::new(rules));
            sources.push((path, source));
        }
        Written {
            engine: load::engine(&vocabulary, model, folders, self.stored.clone()),
            documents: Documents::read(permissions, Some(grants), None, sources),
            warnings,
        }
    }
}

/// A user with groups and the role of the account.
pub(crate) fn user(name: &str, groups: &[&str], account_role: &str) -> Principal {
    Principal::user(UserFacts {
        name: UserName::parse(name).unwrap(),
        account_role: AccountRole::parse(account_role).unwrap(),
        groups: groups.iter().map(|group| GroupId::parse(group).unwrap()).collect(),
    })
}
