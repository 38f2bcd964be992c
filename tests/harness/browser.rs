//! Chromium, driven through the gateway's pages by `tests/neighbours/browser/drive.mjs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::binaries::{Run, repository};

/// What Chromium saw.
#[derive(Debug, Deserialize)]
pub struct Seen {
    /// Every page, on every screen.
    pub looks: Vec<Look>,
    /// What the flow is to tell.
    pub told: Value,
    /// What the browser complained of: something that a policy of a page forbids, a script that
    /// fails.
    pub noise: Vec<String>,
}

/// One page on one screen, or walked through by keyboard.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Look {
    name: String,
    width: u32,
    scheme: String,
    violations: Vec<String>,
    excess: i64,
    keyboard: Vec<String>,
}

impl Seen {
    /// The names of the pages.
    #[must_use]
    pub fn pages(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.looks.iter().map(|look| look.name.as_str()).collect();
        names.dedup();
        names
    }

    /// What is wrong with the pages, a line each: what axe calls serious or critical, what is wider
    /// than its screen, what a keyboard does not reach, what the browser complained of.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for look in &self.looks {
            let place = format!("{} {} {}", look.name, look.width, look.scheme);
            let listed = look.violations.iter().chain(&look.keyboard);
            faults.extend(listed.map(|fault| format!("{place}: {fault}")));
            if look.excess > 0 {
                faults.push(format!("{place}: wider than the screen by {}", look.excess));
            }
        }
        faults.extend(self.noise.iter().map(|noise| format!("the browser says: {noise}")));
        faults
    }
}

/// Where the pictures of a flow are kept.
#[must_use]
pub fn pictures_of_pages(flow: &str) -> PathBuf {
    repository().join("target/pages").join(flow)
}

/// Goes through a flow of the script, with what it needs to know.
///
/// # Panics
/// If the browser or its driver is not installed, or the flow does not come to its end.
pub async fn drive(flow: &str, wanted: Value) -> Seen {
    let folder = repository().join("target/tools/browser");
    let driver = folder.join("node_modules/playwright-core");
    assert!(driver.is_dir(), "Chromium's driver is missing: run `make browser` (or `make test`)");
    let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let chromium = chromium.into_iter().find(|path| Path::new(path).exists());
    let chromium = chromium.expect("Chromium is missing: run `make browser` (or `make test`)");
    let pictures = pictures_of_pages(flow);
    // those of before would tell of pages that are not there any more
    let _ = std::fs::remove_dir_all(&pictures);
    let Value::Object(mut told) = wanted else { panic!("what a flow needs has names: {wanted}") };
    told.insert("flow".to_owned(), flow.into());
    told.insert("chromium".to_owned(), chromium.into());
    told.insert("pictures".to_owned(), pictures.to_str().unwrap().into());
    let script = folder.join("drive.mjs");
    let text = Value::Object(told).to_string();
    let run = tokio::task::spawn_blocking(move || Run::of(Command::new("node").arg(script), &text));
    serde_json::from_str(&run.await.unwrap().expect(0).out).unwrap()
}
