//! A Tenrankai `config.d`: its permissions are the gallery document of the seed, exactly, so they
//! are taken over byte for byte.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use vestibule_schema::SiteId;

use super::questions::Answers;
use super::{NewFile, gateway_file, site_file};
use crate::cli::{BadInput, Output};

/// The files of a configuration with the imported sites.
pub(super) fn files(
    from: &Path,
    answers: &Answers,
    output: &mut Output,
) -> anyhow::Result<Vec<NewFile>> {
    let sites = sites(from)?;
    let mut files = vec![gateway_file()];
    let only = sites.len() == 1;
    for (id, permissions) in sites {
        // one site has the whole address; several live below paths of it
        let mount = if only {
            r#"hosts = ["localhost", "127.0.0.1"]"#.to_owned()
        } else {
            format!("path = \"/i/{id}/\"")
        };
        files.push(site_file(&id, &answers.gallery, &mount));
        let path = format!("config.d/sites/{id}/permissions.toml");
        output.note(format!("taking over the permissions of the site `{id}`"));
        files.push(NewFile { path: path.into(), text: permissions });
    }
    Ok(files)
}

/// The sites with their permissions: of a `config.d`, or of the folder that holds one.
fn sites(from: &Path) -> anyhow::Result<Vec<(SiteId, Vec<u8>)>> {
    let candidates = [from.join("sites"), from.join("config.d/sites")];
    let folder = candidates.iter().find(|folder| folder.is_dir()).ok_or_else(|| {
        let message = format!("`{}` holds no `sites`: name a Tenrankai `config.d`", from.display());
        anyhow!(BadInput(message))
    })?;
    let mut sites = Vec::new();
    for entry in std::fs::read_dir(folder).context("the sites can't be read")? {
        let entry = entry?;
        let file = entry.path().join("permissions.toml");
        if !file.is_file() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let id = SiteId::parse(&name)
            .map_err(|error| anyhow!(BadInput(format!("the site `{name}`: {error}"))))?;
        let bytes =
            std::fs::read(&file).with_context(|| format!("`{}` can't be read", file.display()))?;
        sites.push((id, bytes));
    }
    if sites.is_empty() {
        let message = format!("no site in `{}` has a permissions.toml", folder.display());
        return Err(anyhow!(BadInput(message)));
    }
    sites.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(sites)
}
