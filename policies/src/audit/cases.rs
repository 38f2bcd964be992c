//! Policy tests: expectations that operators keep beside their configuration.

use std::collections::BTreeSet;
use std::ops::Range;

use vestibule_schema::document::{Reader, Spanned, Table};
use vestibule_schema::problem::{self, Problem, Source};
use vestibule_schema::{AccountRole, Action, GalleryPath, GroupId, RoleName, SiteId, UserName};

use crate::decision::{Decision, Need, PolicyRef};
use crate::engine::SiteEngine;
use crate::principal::{Principal, UserFacts};

/// What a case asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Whether the principal may do this at the path.
    Action(Action),
    /// Whether the principal holds this role there.
    AssumeRole(RoleName),
}

/// One `[[case]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Who asks.
    pub principal: Principal,
    /// What.
    pub asked: Asked,
    /// Where.
    pub path: GalleryPath,
    /// Whether it must be allowed.
    pub expect_allow: bool,
    /// The line that must be among the deciding ones: `file:line`.
    pub by: Option<String>,
    /// The line of the case in its file.
    pub line: u32,
}

/// A file of cases for one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFile {
    /// The site.
    pub site: SiteId,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// How a case came out.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Whether it was allowed.
    pub allowed: bool,
    /// The deciding policies.
    pub policies: Vec<PolicyRef>,
    /// Whether that is what the case expects.
    pub holds: bool,
}

impl CaseFile {
    /// Reads a file of cases.
    ///
    /// # Errors
    /// All problems, if there is any.
    pub fn parse(source: &Source) -> Result<Self, Vec<Problem>> {
        let reader = Reader::new(source);
        let mut root = reader.root(source.text());
        let site = root.required_string("site").and_then(|site| read_site(&reader, &site));
        let cases: Vec<_> = root.tables("case").into_iter().map(read_case).collect();
        root.finish();
        let problems = reader.into_problems();
        match (site, cases.into_iter().collect::<Option<Vec<_>>>()) {
            (Some(site), Some(cases)) if !problem::has_errors(&problems) => {
                Ok(Self { site, cases })
            }
            _ => Err(problems),
        }
    }
}

impl Case {
    /// Asks the engine.
    #[must_use]
    pub fn run(&self, engine: &SiteEngine) -> Outcome {
        let decision = match &self.asked {
            Asked::Action(action) => engine.decide(&self.principal, Need::one(*action), &self.path),
            Asked::AssumeRole(role) => engine.assumes(&self.principal, role, &self.path),
        };
        let allowed = matches!(decision, Decision::Allow(_));
        let policies = decision.policies().to_vec();
        let by_holds = self
            .by
            .as_ref()
            .is_none_or(|by| policies.iter().any(|policy| policy.source.to_string() == *by));
        Outcome { allowed, holds: allowed == self.expect_allow && by_holds, policies }
    }
}

fn read_site(reader: &Reader<'_>, site: &Spanned<String>) -> Option<SiteId> {
    let parsed = SiteId::parse(&site.value);
    if let Err(error) = &parsed {
        let message = format!("`{}` is no name for a site", site.value);
        reader.error("case::bad_site", message, &site.span, &error.to_string());
    }
    parsed.ok()
}

fn read_case(mut table: Table<'_, '_>) -> Option<Case> {
    let reader = table.reader();
    let line = reader.reference(table.span()).line;
    let principal = read_principal(&mut table);
    let asked = read_asked(&mut table);
    let path = table.required_string("path").and_then(|path| {
        GalleryPath::from_decoded(&path.value)
            .map_err(|error| {
                let message = format!("`{}` is no path", path.value.escape_debug());
                reader.error("case::bad_path", message, &path.span, &error.to_string());
            })
            .ok()
    });
    let expect = table.required_string("expect").and_then(|word| match word.value.as_str() {
        "allow" => Some(true),
        "deny" => Some(false),
        other => {
            let message = format!("`{other}` is no decision");
            reader.error("case::bad_expect", message, &word.span, "neither `allow` nor `deny`");
            None
        }
    });
    let by = table.string("by").map(|by| by.value);
    table.finish();
    Some(Case {
        principal: principal?,
        asked: asked?,
        path: path?,
        expect_allow: expect?,
        by,
        line,
    })
}

fn read_principal(table: &mut Table<'_, '_>) -> Option<Principal> {
    let reader = table.reader();
    let bad = |message: String, span: &Range<usize>, label: String| {
        reader.error("case::bad_principal", message, span, &label);
    };
    let name = table.required_string("as");
    let groups = table.strings("groups").unwrap_or_default();
    let role = table.string("account_role");
    let name = name?;
    if name.value == "anonymous" {
        if let Some(span) =
            groups.first().map(|group| &group.span).or(role.as_ref().map(|r| &r.span))
        {
            bad("an anonymous visitor has neither groups nor role".into(), span, "here".into());
        }
        return Some(Principal::Visitor);
    }
    let mut ids = BTreeSet::new();
    for group in groups {
        match GroupId::parse(&group.value) {
            Ok(id) => {
                ids.insert(id);
            }
            Err(error) => bad("this is no group".into(), &group.span, error.to_string()),
        }
    }
    let account_role = match role {
        None => AccountRole::default(),
        Some(role) => match AccountRole::parse(&role.value) {
            Ok(role) => role,
            Err(error) => {
                bad("this is no role of an account".into(), &role.span, error.to_string());
                return None;
            }
        },
    };
    match UserName::parse(&name.value) {
        Ok(name) => Some(Principal::user(UserFacts { name, account_role, groups: ids })),
        Err(error) => {
            bad("this is no name for a user".into(), &name.span, error.to_string());
            None
        }
    }
}

fn read_asked(table: &mut Table<'_, '_>) -> Option<Asked> {
    let reader = table.reader();
    let action = table.required_string("action")?;
    let role = table.string("role");
    if action.value == "assume_role" {
        let Some(role) = role else {
            let message = "`assume_role` needs `role`".to_owned();
            reader.error("case::no_role", message, &action.span, "of which role?");
            return None;
        };
        return match RoleName::parse(&role.value) {
            Ok(name) => Some(Asked::AssumeRole(name)),
            Err(error) => {
                let message = format!("`{}` is no role", role.value);
                reader.error("case::bad_role", message, &role.span, &error.to_string());
                None
            }
        };
    }
    let parsed = Action::from_name(&action.value);
    if parsed.is_none() {
        let names = Action::ALL.iter().map(|action| action.name());
        reader.report(
            Problem::error("case::unknown_action", format!("unknown action `{}`", action.value))
                .at(reader.source(), action.span, "a permission without `can_`")
                .suggest(&action.value, names.chain(["assume_role"])),
        );
    }
    parsed.map(Asked::Action)
}
