//! The Markdown below a front matter: its title, and the rest.

/// The first heading.
pub(super) fn heading(body: &str) -> Option<&str> {
    let heading = body.lines().find_map(|line| line.strip_prefix("# "));
    heading.map(str::trim).filter(|heading| !heading.is_empty())
}

/// The text, without the heading that it begins with if that is the title.
pub(super) fn without_heading(body: &str, title: Option<&str>) -> String {
    let mut lines: Vec<&str> = body.trim().lines().collect();
    let heading = lines.first().and_then(|line| line.strip_prefix("# ")).map(str::trim);
    if heading.is_some() && heading == title {
        lines.remove(0);
    }
    lines.join("\n").trim().to_owned()
}
