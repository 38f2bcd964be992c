//! `vestibule policy lint`

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use vestibule_policies::SiteEngine;
use vestibule_policies::audit::lint;
use vestibule_schema::problem::{self, Colours, Problem, Severity};
use vestibule_schema::{GalleryPath, SiteId};

use super::documents::{Opened, OpenedSite};
use super::sarif;
use crate::cli::output::{plural, problem_json};
use crate::cli::{ConfigArg, Exit, Output};
use crate::config::SiteConfig;
use crate::gallery;

const AFTER_HELP: &str = "\
Examples:
  vestibule policy lint
  vestibule policy lint --site family --format json
  vestibule policy lint --documents-only --format sarif > lint.sarif

Exit codes: 0 no findings, 1 findings, 2 bad input or configuration.";

/// Find rules that are valid and likely not what was meant
///
/// Such as roles that nobody has, blocks that change nothing, grants that a folder above takes
/// back, and hand-written policies that never match. Each finding says its place and the mend.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Lint {
    #[command(flatten)]
    config: ConfigArg,
    /// The site; all of them, if it is left out
    #[arg(long)]
    site: Option<SiteId>,
    /// Leave the store out: as if nobody had an account or a grant
    #[arg(long)]
    documents_only: bool,
    /// How findings are printed
    #[arg(long, value_enum, default_value = "table")]
    format: Shape,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// As a compiler shows warnings, for people
    Table,
    /// JSON, for programs
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

/// A finding, and the site it was found in.
pub(super) struct Finding {
    pub(super) site: SiteId,
    pub(super) problem: Problem,
}

impl Lint {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let opened = Opened::load(&self.config.config, !self.documents_only, output)?;
        let configuration = &opened.configuration;
        let (sites, problems): (Vec<&SiteConfig>, _) = match &self.site {
            None => (configuration.sites.iter().collect(), &configuration.problems),
            Some(id) => {
                let site = configuration.required_site(id)?;
                (vec![site], &site.problems)
            }
        };
        let mut errors: Vec<Problem> = problems.iter().filter(is_error).cloned().collect();
        let mut findings = Vec::new();
        for site in &sites {
            // one with an error is closed, and said above
            let Some(opened_site) = opened.site(site, output)? else { continue };
            errors.extend(opened_site.site.folder_problems.iter().filter(is_error).cloned());
            findings.extend(of_site(&opened, site, &opened_site)?);
        }
        problem::sort(&mut errors);
        output.problems(&errors);
        match self.format {
            Shape::Table => table(&findings, sites.len(), output),
            Shape::Json => output.json(&document(&findings)),
            Shape::Sarif => output.json(&sarif::log(&findings)),
        }
        Ok(match (errors.is_empty(), findings.is_empty()) {
            (false, _) => Exit::BadInput,
            (true, true) => Exit::Done,
            (true, false) => Exit::Failed,
        })
    }
}

fn is_error(problem: &&Problem) -> bool {
    problem.severity == Severity::Error
}

fn of_site(
    opened: &Opened,
    configured: &SiteConfig,
    site: &OpenedSite,
) -> anyhow::Result<Vec<Finding>> {
    let accounts: BTreeMap<_, _> =
        opened.stored.users().map(|(name, role)| (name.clone(), role.clone())).collect();
    let documents = &site.documents;
    let engine = &site.site.engine;
    let missing_folders = missing_folders(configured, engine);
    let linted = lint::Site {
        engine,
        documents,
        accounts: &accounts,
        missing_folders: &missing_folders,
        now: SystemTime::now().try_into()?,
    };
    let warnings: Vec<Problem> =
        configured.problems.iter().chain(&site.site.folder_problems).cloned().collect();
    let mut found = lint::site(&linted, &warnings);
    if !accounts.is_empty() {
        for (user, source, span) in lint::named_users(documents) {
            let place = source.reference(span.start);
            let unknown = opened.stored.problem_of(&user, &place);
            found.extend(unknown.map(|problem| Problem {
                code: "lint::unknown_user",
                ..problem.at(&source, span, "counts for nobody")
            }));
        }
    }
    problem::sort(&mut found);
    let findings = found.into_iter();
    Ok(findings.map(|problem| Finding { site: configured.id.clone(), problem }).collect())
}

/// The folders that hand-written policies name and the gallery lacks. Nothing can be said of a
/// gallery that is not on this machine.
fn missing_folders(site: &SiteConfig, engine: &SiteEngine) -> BTreeSet<GalleryPath> {
    let Some(root) = site.gallery.as_ref().filter(|root| root.is_dir()) else {
        return BTreeSet::new();
    };
    let is_missing = |folder: &GalleryPath| {
        let found = gallery::on_disk(root, folder.as_str()).symlink_metadata();
        found.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    };
    lint::named_folders(engine).into_iter().filter(is_missing).collect()
}

fn table(findings: &[Finding], sites: usize, output: &mut Output) {
    for finding in findings {
        output.line(format!("{}\n", finding.problem.render(Colours::Plain)));
    }
    let (findings, sites) = (plural(findings.len(), "finding"), plural(sites, "site"));
    output.line(format!("{findings} in {sites}"));
}

fn document(findings: &[Finding]) -> Value {
    let findings = findings.iter().map(|finding| {
        let mut row = problem_json(&finding.problem);
        if let Some(row) = row.as_object_mut() {
            row.insert("site".to_owned(), Value::from(finding.site.as_str()));
        }
        row
    });
    json!({ "findings": findings.collect::<Vec<_>>() })
}
