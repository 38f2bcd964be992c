//! `vestibule audit ls`

use clap::Args;
use vestibule_store::audit::{Record, Series, records};

use crate::cli::cluster::session::gateway_config;
use crate::cli::{ConfigArg, Exit, Format, Output};

/// Records are those of all files that are there. Nothing is verified: that is for `verify`.
#[derive(Debug, Args)]
pub(super) struct Ls {
    #[command(flatten)]
    config: ConfigArg,
    /// Of this user only
    #[arg(long)]
    user: Option<String>,
    /// On this site only
    #[arg(long)]
    site: Option<String>,
    /// Of this kind only, such as `sign_in_refused`
    #[arg(long)]
    kind: Option<String>,
    /// Not before this moment, in UTC: `2026-11-30`, `2026-11-30T12:00`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The last so many only
    #[arg(long, value_name = "COUNT")]
    last: Option<usize>,
    /// How the list is printed; `json` prints the records whole
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl Ls {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let config = gateway_config(&self.config.config, output)?;
        let mut found = Vec::new();
        for file in Series::of(config.audit.file.clone()).files()? {
            found.extend(records(&file)?.filter(|record| self.takes(record)));
        }
        let skipped = self.last.map_or(0, |last| found.len().saturating_sub(last));
        found.drain(..skipped);
        if self.format == Format::Json {
            let whole = found.iter().map(|record| record.value().clone());
            output.json(&serde_json::Value::Array(whole.collect()));
            return Ok(Exit::Done);
        }
        let headings = ["time", "event", "user", "client", "site", "action", "path", "about"];
        output.rows(self.format, &headings, &found.iter().map(row).collect::<Vec<_>>());
        Ok(Exit::Done)
    }

    fn takes(&self, record: &Record) -> bool {
        let is = |wanted: &Option<String>, has: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == has)
        };
        let concerns = |user: &str| {
            [record.principal(), record.detail("account"), record.detail("name")].contains(&user)
        };
        is(&self.site, record.text("site"))
            && is(&self.kind, record.text("event"))
            // times of one form sort as they are
            && self.since.as_deref().is_none_or(|since| record.text("time") >= since)
            && self.user.as_deref().is_none_or(concerns)
    }
}

fn row(record: &Record) -> Vec<String> {
    let about = ["account", "name", "reason", "detail"].map(|key| record.detail(key));
    let about: Vec<_> = about.into_iter().filter(|text| !text.is_empty()).collect();
    let mut row: Vec<String> =
        vec![record.text("time").to_owned(), record.text("event").to_owned()];
    row.push(record.principal().to_owned());
    row.extend(["client", "site", "action", "path"].map(|key| record.text(key).to_owned()));
    row.push(about.join(" "));
    // what a terminal would take for an order stays in the file
    row.iter_mut().for_each(|cell| cell.retain(|c| !c.is_control()));
    row
}
