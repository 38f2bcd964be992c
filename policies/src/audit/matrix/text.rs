//! The matrix as plain text: aligned, stable, and such that every change of rights changes a line.

use vestibule_schema::Action;

use super::{BlockTable, Cell, Deed, Holds, Matrix};
use crate::audit::reach;

/// How many columns of people stand beside each other.
const ABREAST: usize = 6;

/// The whole matrix.
#[must_use]
pub fn render(matrix: &Matrix) -> String {
    let mut text = format!("site {}, cascade {}\n", matrix.site, matrix.cascade_word());
    for block in &matrix.blocks {
        block_text(block, &mut text);
    }
    if !matrix.remarks.is_empty() {
        text.push_str("\nfolders that say more\n\n");
        let rows = matrix.remarks.iter().map(|r| vec![r.folder.to_string(), r.text.clone()]);
        table(rows.collect(), &mut text);
    }
    policies_text(matrix, &mut text);
    people_text(matrix, &mut text);
    text
}

fn policies_text(matrix: &Matrix, text: &mut String) {
    if matrix.policies.is_empty() {
        return;
    }
    text.push_str("\nhand-written policies\n\n");
    let rows = matrix.policies.iter().map(|policy| {
        let reads = policy.reads_in_words().map(|words| format!("reads {words}"));
        vec![
            policy.reference.id.to_string(),
            format!("({})", policy.reference.source),
            format!("{} {}", policy.effect(), reach::words(policy.actions)),
            reads.unwrap_or_default(),
        ]
    });
    table(rows.collect(), text);
}

fn block_text(block: &BlockTable, text: &mut String) {
    match &block.folder {
        None => text.push_str(&format!("\nblock of the site ({})\n", block.source)),
        Some(folder) => text.push_str(&format!("\nblock of {folder} ({})\n", block.source)),
    }
    if !block.roles.is_empty() {
        text.push_str("x: the role's own, +: inherited, .: not held\n\n");
        let mut heading = vec!["action".to_owned()];
        heading.extend(block.roles.iter().map(|role| role.name.to_string()));
        let mut rows = vec![heading];
        for action in Action::ALL {
            let mut row = vec![action.name().to_owned()];
            row.extend(block.roles.iter().map(|role| mark(Holds::of(role, *action)).to_owned()));
            rows.push(row);
        }
        table(rows, text);
        text.push('\n');
        let notes = block.roles.iter().map(|role| {
            let mut notes = vec![role.source.to_string()];
            notes.extend(role.parent.as_ref().map(|parent| format!("inherits {parent}")));
            notes.extend((role.rank != 0).then(|| format!("rank {}", role.rank)));
            notes.extend(role.scoped.then(|| "counts in its scope only".to_owned()));
            vec![format!("role {}", role.name), notes.join(", ")]
        });
        table(notes.collect(), text);
    }
    text.push('\n');
    let rows = block.assigned.iter().map(|assigned| {
        let who = assigned.who.to_string();
        vec![who, assigned.roles_in_words(), format!("({})", assigned.written)]
    });
    table(rows.collect(), text);
}

const fn mark(holds: Holds) -> &'static str {
    match holds {
        Holds::Own => "x",
        Holds::Inherited => "+",
        Holds::No => ".",
    }
}

fn people_text(matrix: &Matrix, text: &mut String) {
    text.push_str("\nwho may view (v), download (d), write (w); the number of actions\n");
    if !matrix.context.is_empty() {
        let read = matrix.context.iter().map(|(name, value)| format!("{name} {value}"));
        let read = read.collect::<Vec<_>>().join(", ");
        text.push_str(&format!("of a request with {read}; *: other requests may differ\n"));
    }
    for peers in matrix.peers.chunks(ABREAST) {
        text.push('\n');
        let mut heading = vec!["folder".to_owned()];
        heading
            .extend(peers.iter().filter_map(|one| one.people.first()).map(|who| who.to_string()));
        let mut rows = vec![heading];
        for (at, folder) in matrix.folders.iter().enumerate() {
            let mut row = vec![folder.to_string()];
            row.extend(
                peers.iter().map(|one| one.cells.get(at).map_or(String::new(), |c| deeds(*c))),
            );
            rows.push(row);
        }
        table(rows, text);
    }
    let mut equal = matrix.peers.iter().filter(|peers| peers.people.len() > 1).peekable();
    if equal.peek().is_some() {
        text.push_str("\nwith equal rights in all of these folders\n");
    }
    for peers in equal {
        let names: Vec<_> = peers.people.iter().map(ToString::to_string).collect();
        text.push_str(&format!("  {}\n", names.join(", ")));
    }
}

fn deeds(cell: Cell) -> String {
    let letters = Deed::ALL.map(|deed| if deed.is_in(cell.set) { deed.word() } else { "-" });
    let letters: String = letters.iter().filter_map(|word| word.chars().next()).collect();
    let depends = if cell.depends.is_empty() { "" } else { "*" };
    format!("{letters} {}{depends}", cell.set.actions().count())
}

/// Aligned columns, indented.
fn table(rows: Vec<Vec<String>>, text: &mut String) {
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(&format!("  {}\n", line.trim_end()));
    }
}
