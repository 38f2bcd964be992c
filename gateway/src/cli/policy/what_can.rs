//! `vestibule policy what-can`

use std::collections::BTreeSet;

use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};
use vestibule_policies::audit::reach::{self, Holding, Place, Who};
use vestibule_policies::{Principal, UserFacts};
use vestibule_schema::problem::nearest;
use vestibule_schema::{AccountRole, Action, GroupId, PermissionSet, UserName};

use super::audited::{self, Audited, SiteArgs, holding_json, set_json};
use super::context::{ContextArgs, context_json};
use crate::cli::{BadInput, Exit, Format, NotFound, Output};

const AFTER_HELP: &str = "\
Examples:
  vestibule policy what-can jane --site family
  vestibule policy what-can anonymous /clients/ --all --format json
  vestibule policy what-can jane --group family --site family
  vestibule policy what-can jane --ip 192.0.2.7 --mfa --site family

A line holds for its folder and for all below it, up to the next line. Folders where nothing
changes are left out, unless `--all` asks for them.

Exit codes: 0 answered, also if the user may nothing; 2 bad input or configuration; 3 there is no
such site or user.";

/// List what a user may do, folder by folder
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct WhatCan {
    #[command(flatten)]
    site: SiteArgs,
    #[command(flatten)]
    context: ContextArgs,
    /// A group of the user; may be given several times
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Also the folders where the same holds as above them
    #[arg(long)]
    all: bool,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// The user, or `anonymous`
    user: String,
    /// An image, or a folder with `/` at the end: what is below it
    #[arg(default_value = "/")]
    path: String,
}

impl WhatCan {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let path = audited::path(&self.path)?;
        let audited = self.site.load(output)?;
        let principal = self.principal(&audited)?;
        let engine = &audited.site.engine;
        let context = self.context.of(engine)?;
        let mut places = reach::what_can(engine.on(&context), &principal, &path);
        self.context.note(engine, Action::ALL, output);
        if !self.all {
            places = reach::collapsed(&places);
        }
        let roles = |place: &Place| reach::holdings(engine, &principal, &place.path);
        match self.format {
            Format::Json => {
                let rows = places.iter().map(|place| row_json(place, &roles(place)));
                let user = principal.user_name().map(UserName::as_str);
                output.json(&json!({
                    "site": engine.id().as_str(),
                    "user": user,
                    "context": context_json(engine, &context),
                    "places": rows.collect::<Vec<_>>(),
                }));
            }
            Format::Csv => {
                let words = |set: PermissionSet| {
                    set.actions().map(Action::name).collect::<Vec<_>>().join(" ")
                };
                let rows = rows(&places, roles, words);
                output.rows(Format::Csv, &["path", "of", "roles", "actions"], &rows);
            }
            Format::Table => {
                let mut rows = rows(&places, roles, reach::words);
                rows.iter_mut().for_each(for_people);
                output.rows(Format::Table, &["where", "role", "may"], &rows);
            }
        }
        Ok(Exit::Done)
    }

    fn principal(&self, audited: &Audited) -> anyhow::Result<Principal> {
        let bad = |what: &str, error: vestibule_schema::IdError| {
            anyhow!(BadInput(format!("`{what}`: {error}")))
        };
        let groups = self.groups.iter().map(|g| GroupId::parse(g).map_err(|e| bad(g, e)));
        let groups = groups.collect::<Result<BTreeSet<_>, _>>()?;
        if self.user == "anonymous" {
            return match self.groups.first() {
                None => Ok(Principal::Visitor),
                Some(_) => Err(anyhow!(BadInput("a visitor is in no group".into()))),
            };
        }
        let typed = UserName::parse(&self.user).map_err(|e| bad(&self.user, e))?;
        let people = audited.people();
        let account = audited.stored.account(&typed);
        let name = account.map_or(&typed, |account| &account.name);
        let is_known = people.iter().any(|person| person.who == Who::User(name.clone()));
        // who comes from a directory has groups, and may have no account yet
        if !is_known && groups.is_empty() {
            let names = people.iter().filter(|person| matches!(person.who, Who::User(_)));
            let names: Vec<_> = names.filter_map(|person| person.who.name()).collect();
            let names = names.iter().map(String::as_str);
            let near = nearest(typed.as_str(), names.chain(["anonymous"]));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let message = format!("no account and no rule is called `{typed}`{near}");
            return Err(anyhow!(NotFound(message)));
        }
        Ok(Principal::user(UserFacts {
            name: name.clone(),
            account_role: account.map_or_else(AccountRole::default, |account| account.role.clone()),
            groups,
        }))
    }
}

/// A row for each thing that is said of a place.
fn rows(
    places: &[Place],
    roles: impl Fn(&Place) -> Vec<Holding>,
    words: impl Fn(PermissionSet) -> String,
) -> Vec<Vec<String>> {
    let row = |place: &Place, (of, set): (&str, PermissionSet)| {
        let held: Vec<_> = roles(place).iter().map(ToString::to_string).collect();
        vec![place.path.to_string(), of.to_owned(), held.join(", "), words(set)]
    };
    let of_place = |place| sets(place).into_iter().map(move |said| (place, said));
    places.iter().flat_map(of_place).map(|(place, said)| row(place, said)).collect()
}

/// What is said of a place: of the folder or image itself, then of the images where it differs.
fn sets(place: &Place) -> Vec<(&'static str, PermissionSet)> {
    let mut sets = vec![("itself", place.permissions)];
    sets.extend(place.images.map(|set| ("images", set)));
    sets.extend(place.hidden_images.map(|set| ("hidden images", set)));
    sets
}

/// One column for the place and what of it is meant.
fn for_people(row: &mut Vec<String>) {
    let of = row.remove(1);
    if let Some(path) = row.first_mut().filter(|_| of != "itself") {
        path.push_str(&format!(" ({of})"));
    }
}

fn row_json(place: &Place, roles: &[Holding]) -> Value {
    json!({
        "path": place.path.as_str(),
        "roles": roles.iter().map(holding_json).collect::<Vec<_>>(),
        "permissions": set_json(place.permissions),
        "images": place.images.map(set_json),
        "hidden_images": place.hidden_images.map(set_json),
    })
}
