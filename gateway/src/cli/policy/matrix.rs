//! `vestibule policy matrix`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use vestibule_policies::audit::context::HandWritten;
use vestibule_policies::audit::matrix::{
    Assigned, BlockTable, Cell, Deed, Holds, Matrix, Peers, html, text,
};
use vestibule_schema::{Action, GalleryPath, RoleName};

use super::audited::{SiteArgs, set_json, who_json};
use super::context::{ContextArgs, context_json};
use crate::cli::{Exit, Format, Output};

const AFTER_HELP: &str = "\
Examples:
  vestibule policy matrix --site family
  vestibule policy matrix --site family --out rights.html     a page to read and to print
  vestibule policy matrix --site family --documents-only >rights.txt
  vestibule policy matrix --site family --ip 192.0.2.7 --at 2026-01-05T12:00 --documents-only

The text is stable: kept in a repository, it shows every change of rights as a changed line. Where
hand-written policies read the time, name one with `--at`.

Exit codes: 0 done, 1 the file can't be written, 2 bad input or configuration, 3 there is no such
site.";

/// Show which role holds what, who has it, and who may view, download and write where
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct MatrixVerb {
    #[command(flatten)]
    site: SiteArgs,
    #[command(flatten)]
    context: ContextArgs,
    /// Write an HTML page that needs no other file; one that is there is replaced
    #[arg(long, value_name = "FILE.html", conflicts_with = "format")]
    out: Option<PathBuf>,
    /// How the matrix is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl MatrixVerb {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let audited = self.site.load(output)?;
        let engine = &audited.site.engine;
        let context = self.context.of(engine)?;
        let matrix = Matrix::new(engine, &context, &audited.people());
        self.context.note(engine, Action::ALL, output);
        if let Some(file) = &self.out {
            let made = format!("From {}.", self.site.sources());
            write(file, &html::render(&matrix, &made))
                .with_context(|| format!("`{}` can't be written", file.display()))?;
            output.line(format!("{}: the matrix of the site `{}`", file.display(), matrix.site));
            return Ok(Exit::Done);
        }
        match self.format {
            Format::Table => output.line(text::render(&matrix).trim_end()),
            Format::Json => output.json(&matrix_json(&matrix, &context_json(engine, &context))),
            Format::Csv => {
                let headings = ["table", "place", "kind", "who", "action", "how"];
                output.rows(Format::Csv, &headings, &csv_rows(&matrix));
            }
        }
        Ok(Exit::Done)
    }
}

/// Writes a file whole or not at all.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut partial = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    std::io::Write::write_all(&mut partial, text.as_bytes())?;
    partial.persist(file).map_err(|error| error.error)?;
    Ok(())
}

fn block_name(block: &BlockTable) -> &str {
    block.folder.as_ref().map_or("site", GalleryPath::as_str)
}

/// One row for each action that a role holds, then one for each thing that somebody may do.
fn csv_rows(matrix: &Matrix) -> Vec<Vec<String>> {
    let row = |cells: [&str; 6]| cells.map(str::to_owned).to_vec();
    let mut rows = Vec::new();
    for block in &matrix.blocks {
        for role in &block.roles {
            for action in Action::ALL {
                let Some(how) = Holds::of(role, *action).word() else { continue };
                let name = role.name.as_str();
                rows.push(row(["role", block_name(block), "role", name, action.name(), how]));
            }
        }
    }
    for peers in &matrix.peers {
        for who in &peers.people {
            for (folder, cell) in matrix.reach(peers) {
                for deed in Deed::ALL {
                    let Some(how) = how(cell, deed) else { continue };
                    let name = who.name().unwrap_or_default();
                    rows.push(row(["reach", folder.as_str(), who.kind(), &name, deed.word(), how]));
                }
            }
        }
    }
    for policy in &matrix.policies {
        let place = policy.reference.source.to_string();
        let how = if policy.reads.is_empty() { "always" } else { "by_context" };
        for action in policy.actions.actions() {
            let id = &*policy.reference.id;
            rows.push(row(["policy", &place, policy.effect(), id, action.name(), how]));
        }
    }
    rows
}

/// How a deed is allowed; none, if it is denied in any context.
fn how(cell: Cell, deed: Deed) -> Option<&'static str> {
    match (deed.is_in(cell.set), cell.deed_depends(deed)) {
        (true, false) => Some("allowed"),
        (true, true) => Some("allowed_by_context"),
        (false, true) => Some("denied_by_context"),
        (false, false) => None,
    }
}

fn matrix_json(matrix: &Matrix, context: &Value) -> Value {
    let remarks = matrix.remarks.iter();
    json!({
        "site": matrix.site.as_str(),
        "cascade": matrix.cascade_word(),
        "context": context,
        "policies": matrix.policies.iter().map(hand_written_json).collect::<Vec<_>>(),
        "blocks": matrix.blocks.iter().map(block_json).collect::<Vec<_>>(),
        "remarks": remarks
            .map(|remark| json!({ "folder": remark.folder.as_str(), "text": remark.text }))
            .collect::<Vec<_>>(),
        "reach": matrix.peers.iter().map(|peers| peers_json(matrix, peers)).collect::<Vec<_>>(),
    })
}

/// A hand-written policy for programs.
fn hand_written_json(policy: &HandWritten) -> Value {
    json!({
        "id": &*policy.reference.id,
        "source": policy.reference.source.to_string(),
        "effect": policy.effect(),
        "actions": set_json(policy.actions),
        "reads_context": !policy.reads.is_empty(),
        "reads": policy.reads,
    })
}

fn block_json(block: &BlockTable) -> Value {
    let roles = block.roles.iter().map(|role| {
        let held = |wanted: Holds| {
            let actions = Action::ALL.iter().filter(move |a| Holds::of(role, **a) == wanted);
            actions.map(|action| action.name()).collect::<Vec<_>>()
        };
        json!({
            "role": role.name.as_str(),
            "name": role.display_name,
            "inherits": role.parent.as_ref().map(RoleName::as_str),
            "rank": role.rank,
            "scoped": role.scoped,
            "owner": role.owner,
            "source": role.source.to_string(),
            "own": held(Holds::Own),
            "inherited": held(Holds::Inherited),
        })
    });
    json!({
        "folder": block.folder.as_ref().map(GalleryPath::as_str),
        "source": block.source.to_string(),
        "roles": roles.collect::<Vec<_>>(),
        "assigned": block.assigned.iter().map(assigned_json).collect::<Vec<_>>(),
    })
}

fn assigned_json(assigned: &Assigned) -> Value {
    json!({
        "who": who_json(&assigned.who),
        "roles": assigned.roles.iter().map(RoleName::as_str).collect::<Vec<_>>(),
        "by_account": assigned.by_account,
        "base_path": assigned.base_path.as_ref().map(GalleryPath::as_str),
        "upload_path": assigned.upload_path.as_ref().map(GalleryPath::as_str),
        "written": assigned.written.to_string(),
    })
}

fn peers_json(matrix: &Matrix, peers: &Peers) -> Value {
    let folders = matrix.reach(peers).map(|(folder, cell)| {
        json!({
            "folder": folder.as_str(),
            "may": Deed::of(cell.set).map(Deed::word).collect::<Vec<_>>(),
            "permissions": set_json(cell.set),
            "depends_on_context": set_json(cell.depends),
        })
    });
    json!({
        "who": peers.people.iter().map(who_json).collect::<Vec<_>>(),
        "folders": folders.collect::<Vec<_>>(),
    })
}
