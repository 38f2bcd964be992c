//! `vestibule policy export`

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use serde_json::{Value, json};
use vestibule_policies::audit::export;
use vestibule_policies::{Principal, UserFacts};
use vestibule_schema::{AccountRole, SiteId, UserName};

use super::site::OfflineSite;
use crate::cli::{BadInput, ConfigArg, Exit, Output};

const AFTER_HELP: &str = "\
Writes schema.cedarschema, policies.cedar, entities.json and requests/*.json, which the official
`cedar` command reads, and the gateway's own answers to the requests in expected.json:
  vestibule policy export --site family --out audit
  cedar validate --schema audit/schema.cedarschema --policies audit/policies.cedar
  cedar authorize --schema audit/schema.cedarschema --policies audit/policies.cedar \\
    --entities audit/entities.json --request-json audit/requests/0001.json";

/// Write schema, policies and entities for the official `cedar` command
///
/// The users are those that the documents name, those that have an account, and one that nobody
/// knows: `somebody-else`. Their roles are those they hold; scoped roles, which depend on the
/// folder, are left out.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Export {
    #[command(flatten)]
    config: ConfigArg,
    /// The site
    #[arg(long)]
    site: SiteId,
    /// The folder to write; made if it does not exist, else it must be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many requests to sample, with the gateway's own answers
    #[arg(long, value_name = "N", default_value = "0")]
    samples: usize,
    /// Leave the store out: as if nobody had an account or a grant
    #[arg(long)]
    documents_only: bool,
}

impl Export {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let with_store = !self.documents_only;
        let (site, stored) =
            OfflineSite::load(&self.config.config, &self.site, with_store, output)?;
        let engine = &site.engine;
        let somebody_else = UserName::parse("somebody-else").ok();
        let named = engine.named_users().into_iter().chain(somebody_else);
        let mut users: BTreeMap<UserName, AccountRole> =
            named.map(|name| (name, AccountRole::default())).collect();
        users.extend(stored.users().map(|(name, role)| (name.clone(), role.clone())));
        let mut principals = vec![Principal::Visitor];
        principals.extend(users.into_iter().map(|(name, account_role)| {
            Principal::user(UserFacts { name, account_role, groups: BTreeSet::new() })
        }));
        let staging = prepare(&self.out)?;
        let partial = staging.path().to_owned();
        write(&partial, "schema.cedarschema", vestibule_schema::CEDAR_SCHEMA)?;
        write(&partial, "policies.cedar", &export::policies(engine)?)?;
        let entities = export::entities(engine, &principals);
        write(&partial, "entities.json", &format!("{entities:#}\n"))?;
        let samples = export::samples(engine, &principals, self.samples);
        let mut expected = Vec::new();
        std::fs::create_dir_all(partial.join("requests"))?;
        for (number, sample) in samples.iter().enumerate() {
            let name = format!("requests/{:04}.json", number + 1);
            write(&partial, &name, &format!("{:#}\n", sample.request))?;
            expected.push(json!({
                "request": name,
                "decision": if sample.allowed { "allow" } else { "deny" },
            }));
        }
        write(&partial, "expected.json", &format!("{:#}\n", Value::Array(expected)))?;
        if self.out.exists() {
            std::fs::remove_dir(&self.out)?;
        }
        // what it was called is nothing any more, so that nothing is removed
        std::fs::rename(staging.path(), &self.out)
            .with_context(|| format!("`{}` can't be written", self.out.display()))?;
        output.line(format!(
            "{}: schema, policies, entities, {} sampled requests",
            self.out.display(),
            samples.len()
        ));
        Ok(Exit::Done)
    }
}

/// The folder that becomes the export when all of it is written: a new one beside it, which goes if
/// that fails.
fn prepare(out: &Path) -> anyhow::Result<tempfile::TempDir> {
    let is_empty =
        |path: &Path| std::fs::read_dir(path).map(|mut entries| entries.next().is_none());
    if out.exists() && !is_empty(out).unwrap_or(false) {
        let message = format!("`{}` is not an empty folder", out.display());
        return Err(anyhow!(BadInput(message)));
    }
    out.file_name().context("`--out` names no folder")?;
    let beside = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let cannot = || format!("`{}` can't be made", out.display());
    std::fs::create_dir_all(beside).with_context(cannot)?;
    tempfile::Builder::new().prefix(".vestibule-").tempdir_in(beside).with_context(cannot)
}

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    std::fs::write(folder.join(name), text).with_context(|| format!("`{name}` can't be written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing that is there already is taken for something half written.
    #[test]
    fn what_stands_beside_the_export_stays() {
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().join("audit.partial/kept");
        std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
        std::fs::write(&kept, "mine").unwrap();
        let staging = prepare(&dir.path().join("audit")).unwrap();
        assert_eq!(staging.path().parent(), Some(dir.path()));
        assert!(kept.exists());
        drop(staging);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
