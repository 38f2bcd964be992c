//! casbin: roles in domains, a domain for each block. Its matcher knows no "every block on the
//! way", so the cascade is worked out when the rules are loaded: a line for each set of roles that
//! somebody has on the way to a block, and each action that all of these blocks grant him.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use casbin::{Adapter as _, CoreApi as _, DefaultModel, Enforcer, MemoryAdapter};
use vestibule_policies::Principal;
use vestibule_schema::{GalleryPath, PermissionSet};

use super::super::measures::Measure;
use super::super::rules::Rules;
use super::super::subject::Question;
use super::Rival;

/// What rules out most lines stands first: the matcher ends at the first part that is false.
const MODEL: &str = "\
[request_definition]
r = sub, dom, act

[policy_definition]
p = sub, dom, act

[role_definition]
g = _, _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.dom == p.dom && r.act == p.act && g(r.sub, p.sub, r.dom)
";

/// The domain of what no folder's block governs.
const SITE: &str = "site";

/// An enforcer, and requests.
pub(super) struct Casbin {
    enforcer: Enforcer,
    rules: Arc<Rules>,
    requests: Vec<[String; 3]>,
}

/// The lines of a site.
#[derive(Default)]
struct Lines {
    policies: Vec<Vec<String>>,
    groupings: Vec<Vec<String>>,
}

impl Casbin {
    /// For these accounts: others have no line, and with it no default role.
    pub(super) fn new(rules: Arc<Rules>, accounts: &[Principal]) -> anyhow::Result<Self> {
        let mut lines = Lines::default();
        lines.add(&rules, None, accounts);
        for folder in rules.folders.keys() {
            lines.add(&rules, Some(folder), accounts);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let enforcer = runtime.context("casbin loads asynchronously")?.block_on(async {
            let mut adapter = MemoryAdapter::default();
            adapter.add_policies("p", "p", lines.policies).await?;
            adapter.add_policies("g", "g", lines.groupings).await?;
            Enforcer::new(DefaultModel::from_str(MODEL).await?, adapter).await
        })?;
        Ok(Self { enforcer, rules, requests: Vec::new() })
    }
}

impl Lines {
    /// The lines of one block.
    fn add(&mut self, rules: &Rules, folder: Option<&GalleryPath>, accounts: &[Principal]) {
        let root = GalleryPath::root();
        let domain = folder.map_or(SITE, GalleryPath::as_str);
        let chain = match folder {
            Some(folder) => rules.chain(folder),
            None => vec![&rules.site],
        };
        debug_assert!(folder != Some(&root), "no site here has a block of its root folder");
        let mut seen = BTreeSet::new();
        for account in accounts {
            let Some(name) = account.user_name() else { continue };
            let ways: Vec<_> = chain.iter().map(|block| block.roles_of(account)).collect();
            let held = chain.iter().zip(&ways).map(|(block, roles)| block.held(roles));
            let held = held.fold(PermissionSet::ALL, PermissionSet::intersection);
            let ways: Vec<_> = ways.iter().map(|roles| roles.join("+")).collect();
            let role = ways.join(" below ");
            self.groupings.push(line([name.as_str(), &role, domain]));
            if seen.insert(role.clone()) {
                let actions = held.actions();
                self.policies.extend(actions.map(|act| line([&role, domain, act.name()])));
            }
        }
    }
}

impl Rival for Casbin {
    fn measure(&self) -> Measure {
        Measure::Casbin
    }

    fn prepare(&mut self, questions: &[Question]) -> anyhow::Result<()> {
        let requests = questions.iter().map(|question| {
            // a visitor's name is nobody's
            let subject = question.principal.user_name().map_or("", |name| name.as_str());
            let domain = self.rules.governing(&question.image).unwrap_or(SITE);
            [subject, domain, question.action.name()].map(str::to_owned)
        });
        self.requests = requests.collect();
        Ok(())
    }

    fn decide(&mut self, at: usize) -> anyhow::Result<bool> {
        let [subject, domain, action] = self.requests.get(at).context("no such request")?;
        Ok(self.enforcer.enforce((subject, domain, action))?)
    }
}

fn line(parts: [&str; 3]) -> Vec<String> {
    parts.map(str::to_owned).to_vec()
}
