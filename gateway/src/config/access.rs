//! Who may write the configuration: whoever does decides who sees what (requirement S76).

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use vestibule_schema::SiteId;
use vestibule_schema::problem::Problem;

/// What is wrong with the modes of the files and folders that are read, each a warning: they are
/// obeyed all the same.
pub(super) fn check<'s>(dir: &Path, sites: impl Iterator<Item = &'s SiteId>) -> Vec<Problem> {
    let mut names = vec![String::new()];
    names.extend(["vestibule.toml", "config.d", "config.d/sites"].map(str::to_owned));
    for site in sites {
        let folder = format!("config.d/sites/{site}");
        names.extend(documents_in(dir, &folder, ".toml"));
        let policies = format!("{folder}/policies");
        names.extend(documents_in(dir, &policies, ".cedar"));
        names.extend([folder, policies]);
    }
    names.iter().filter_map(|name| problem(dir, name)).collect()
}

fn documents_in(dir: &Path, folder: &str, end: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir.join(folder)) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(end)).map(|name| format!("{folder}/{name}")).collect()
}

fn problem(dir: &Path, name: &str) -> Option<Problem> {
    let metadata = fs::metadata(dir.join(name)).ok()?;
    let whom = others_who_write(&metadata)?;
    let shown = if name.is_empty() { "." } else { name };
    let message = format!("`{shown}` can be written by {whom}");
    let problem = Problem::warning("config::writable", message).in_file(shown);
    Some(problem.help("whoever writes it decides who sees what: `chmod go-w` it"))
}

/// Who beside its owner may write a file or folder; not root's group, nor the owner's own.
fn others_who_write(metadata: &Metadata) -> Option<&'static str> {
    let (mode, group) = (metadata.mode(), metadata.gid());
    if mode & 0o002 != 0 {
        Some("everybody on this machine")
    } else if mode & 0o020 != 0 && group != 0 && group != metadata.uid() {
        Some("a group")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_others_may_write_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let site = SiteId::parse("family").unwrap();
        let folder = dir.path().join("config.d/sites/family");
        fs::create_dir_all(folder.join("policies")).unwrap();
        fs::write(folder.join("permissions.toml"), "").unwrap();
        fs::write(folder.join("policies/a.cedar"), "").unwrap();
        let set = |name: &str, mode| {
            fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        for name in ["", "config.d", "config.d/sites", "config.d/sites/family"] {
            set(name, 0o755);
        }
        let names = ["config.d/sites/family/policies", "config.d/sites/family/permissions.toml"];
        names.iter().for_each(|name| set(name, 0o755));
        set("config.d/sites/family/policies/a.cedar", 0o644);
        let said = || {
            let problems = check(dir.path(), std::iter::once(&site));
            problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>()
        };
        assert_eq!(said(), [""; 0]);
        set(names[0], 0o777);
        set(names[1], 0o666);
        let by = "can be written by everybody on this machine";
        let expected: Vec<_> = [names[1], names[0]].map(|name| format!("`{name}` {by}")).into();
        assert_eq!(said(), expected);
    }
}
