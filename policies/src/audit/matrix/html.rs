//! The matrix as one page that needs nothing else: no script, no font, no picture. Every name in it
//! is escaped, and stands apart from the text around it whatever its writing direction.

use vestibule_schema::Action;

use super::{BlockTable, Cell, Deed, Holds, Matrix};
use crate::audit::reach::{self, Who};

const STYLE: &str = include_str!("page.css");

/// The whole page. `made` says when and from what it was made.
#[must_use]
pub fn render(matrix: &Matrix, made: &str) -> String {
    let site = escaped(matrix.site.as_str());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Who may do what: {site}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>Who may do what: <bdi>{site}</bdi></h1>\n<p class=\"dim\">{}</p>\n\
         <p>Cascade: {}.</p>\n",
        escaped(made),
        matrix.cascade_word(),
    );
    people(matrix, &mut page);
    for (number, block) in matrix.blocks.iter().enumerate() {
        block_section(number, block, &mut page);
    }
    if !matrix.remarks.is_empty() {
        page.push_str("<h2>Folders that say more</h2>\n<ul>\n");
        for remark in &matrix.remarks {
            let (folder, text) = (name(remark.folder.as_str()), escaped(&remark.text));
            page.push_str(&format!("<li>{folder}: {text}</li>\n"));
        }
        page.push_str("</ul>\n");
    }
    policies(matrix, &mut page);
    page.push_str("</body>\n</html>\n");
    page
}

fn people(matrix: &Matrix, page: &mut String) {
    page.push_str(
        "<h2 id=\"people\">People and folders</h2>\n<p class=\"dim\">A row holds for its folder and \
         for all below it, up to the next folder that has a row. People with equal rights share a \
         column. A user counts as a member of no group.</p>\n",
    );
    if !matrix.context.is_empty() {
        let read = matrix.context.iter().map(|(name, value)| format!("{name} {}", escaped(value)));
        let read = read.collect::<Vec<_>>().join(", ");
        page.push_str(&format!(
            "<p>Of a request with {read}. What is marked * depends on that.</p>\n"
        ));
    }
    open_table("people", page);
    page.push_str("<thead><tr><th scope=\"col\">Folder</th>");
    for peers in &matrix.peers {
        let names: Vec<_> = peers.people.iter().map(who).collect();
        page.push_str(&format!("<th scope=\"col\">{}</th>", names.join("<br>")));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (at, folder) in matrix.folders.iter().enumerate() {
        page.push_str(&format!("<tr><th scope=\"row\">{}</th>", name(folder.as_str())));
        for cell in matrix.peers.iter().filter_map(|peers| peers.cells.get(at)) {
            page.push_str(&reach_cell(*cell));
        }
        page.push_str("</tr>\n");
    }
    close_table(page);
}

fn reach_cell(cell: Cell) -> String {
    let mark = if cell.depends.is_empty() { "" } else { " *" };
    let deeds: Vec<_> = Deed::of(cell.set).map(Deed::word).collect();
    let mut title = reach::words(cell.set);
    if !cell.depends.is_empty() {
        let actions: Vec<_> = cell.depends.actions().map(Action::name).collect();
        title.push_str(&format!("; depends on the request: {}", actions.join(", ")));
    }
    let title = escaped(&title);
    if deeds.is_empty() {
        return format!("<td class=\"no\" title=\"{title}\">no{mark}</td>");
    }
    format!("<td title=\"{title}\">{}{mark}</td>", deeds.join("<br>"))
}

fn policies(matrix: &Matrix, page: &mut String) {
    if matrix.policies.is_empty() {
        return;
    }
    page.push_str("<h2 id=\"policies\">Hand-written policies</h2>\n");
    open_table("policies", page);
    page.push_str(
        "<thead><tr><th scope=\"col\">Policy</th><th scope=\"col\">Effect</th>\
         <th scope=\"col\">Actions</th><th scope=\"col\">Reads of the request</th>\
         <th scope=\"col\">Written in</th></tr></thead>\n<tbody>\n",
    );
    for policy in &matrix.policies {
        let reads = policy.reads_in_words().unwrap_or_else(|| "nothing".to_owned());
        page.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"wide\">{}</td>\
             <td class=\"wide\">{}</td><td class=\"source\">{}</td></tr>\n",
            name(&policy.reference.id),
            policy.effect(),
            escaped(&reach::words(policy.actions)),
            escaped(&reads),
            escaped(&policy.reference.source.to_string()),
        ));
    }
    close_table(page);
}

fn block_section(number: usize, block: &BlockTable, page: &mut String) {
    let title = match &block.folder {
        None => "The site".to_owned(),
        Some(folder) => format!("The folder {}", name(folder.as_str())),
    };
    let source = escaped(&block.source.to_string());
    let id = format!("block-{number}");
    page.push_str(&format!(
        "<h2 id=\"{id}\">{title} <span class=\"source\">{source}</span></h2>\n"
    ));
    assignments(&id, block, page);
    if block.roles.is_empty() {
        return;
    }
    open_table(&id, page);
    page.push_str("<thead><tr><th scope=\"col\">Action</th>");
    for role in &block.roles {
        let shown = role.display_name.as_ref().filter(|shown| **shown != *role.name.as_str());
        let shown = shown.map(|shown| format!("<br><span class=\"dim\">{}</span>", name(shown)));
        let parent = role.parent.as_ref();
        let parent =
            parent.map(|p| format!("<br><span class=\"dim\">inherits {}</span>", name(p.as_str())));
        let role_name = name(role.name.as_str());
        page.push_str(&format!(
            "<th scope=\"col\" title=\"{}\">{role_name}{}{}</th>",
            escaped(&role.source.to_string()),
            shown.unwrap_or_default(),
            parent.unwrap_or_default(),
        ));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for action in Action::ALL {
        page.push_str(&format!("<tr><th scope=\"row\">{}</th>", action.name()));
        for role in &block.roles {
            let holds = Holds::of(role, *action).word();
            let (class, word) = holds.map_or(("no", "no"), |word| (word, word));
            page.push_str(&format!("<td class=\"{class}\">{word}</td>"));
        }
        page.push_str("</tr>\n");
    }
    close_table(page);
}

fn assignments(id: &str, block: &BlockTable, page: &mut String) {
    open_table(id, page);
    page.push_str(
        "<thead><tr><th scope=\"col\">Who</th><th scope=\"col\">Has</th>\
         <th scope=\"col\">Written in</th></tr></thead>\n<tbody>\n",
    );
    for assigned in &block.assigned {
        page.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td class=\"wide\">{}</td><td class=\"source\">{}</td></tr>\n",
            who(&assigned.who),
            escaped(&assigned.roles_in_words()),
            escaped(&assigned.written.to_string()),
        ));
    }
    close_table(page);
}

/// A region that scrolls by itself, also with the keyboard, so that the page never does.
fn open_table(label: &str, page: &mut String) {
    page.push_str(&format!(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"{label}\">\n<table>\n"
    ));
}

fn close_table(page: &mut String) {
    page.push_str("</tbody>\n</table>\n</div>\n");
}

fn who(who: &Who) -> String {
    match who {
        Who::Visitor => "anonymous".to_owned(),
        Who::SignedIn => "<i>any other account</i>".to_owned(),
        Who::Member(group) => format!("<i>group</i> {}", name(&group.to_string())),
        Who::User(user) => name(user.as_str()),
    }
}

/// A name, escaped and apart from the text around it.
fn name(text: &str) -> String {
    format!("<bdi>{}</bdi>", escaped(text))
}

/// Text as it may stand between tags and in an attribute between double quotes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        assert_eq!(name("<a b=\"c\">&'"), "<bdi>&lt;a b=&quot;c&quot;&gt;&amp;&#39;</bdi>");
    }
}
