//! A site with its documents as they were written.

use std::collections::BTreeMap;
use std::sync::Arc;

use vestibule_policies::audit::documents::Documents;
use vestibule_policies::model::{Folders, Rights, SiteModel};
use vestibule_policies::{Principal, RequestContext, SiteEngine, UserFacts, Vocabulary, check};
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
    /// Files of `policies/`.
    pub(crate) policies: &'a [(&'a str, &'a str)],
}

/// A Wednesday, at half past one in UTC, from the office and without a second factor.
pub(crate) const AFTERNOON: RequestContext<'static> = RequestContext {
    ip: Some(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7))),
    now: jiff::Timestamp::constant(1_795_008_600, 0),
    mfa: false,
    method: "GET",
};

impl Texts<'_> {
    pub(crate) fn site(&self) -> Written {
        let vocabulary = Arc::new(Vocabulary::load().unwrap());
        let cascade = if self.nearest { Cascade::Nearest } else { Cascade::Restrict };
        let permissions = Source::new("permissions.toml", self.permissions);
        let grants = Source::new("grants.toml", self.grants);
        let id = SiteId::parse("s").unwrap();
        let checked = check::site(&id, cascade, &permissions, Some(&grants), vocabulary.builtin());
        let (model, mut warnings) = checked.unwrap();
        let source = |(name, text): &(&str, &str)| Source::new(&format!("policies/{name}"), text);
        let policies: Vec<_> = self.policies.iter().map(source).collect();
        let (custom, found) = check::custom(&id, &policies, true, &vocabulary);
        assert!(!vestibule_schema::problem::has_errors(&found), "{found:?}");
        warnings.extend(found);
        let model = SiteModel { custom, ..model };
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
            documents: Documents::read(permissions, Some(grants), None, sources)
                .with_policies(policies),
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
