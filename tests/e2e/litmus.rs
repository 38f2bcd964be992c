//! litmus, which holds WebDAV servers to RFC 4918, against copyparty by itself and through the
//! gateway, where it shows an app password: what passes without the gateway passes with it.

use std::collections::BTreeSet;
use std::process::Command;

use vestibule_tests::{Run, temp_folder};

use crate::copyparty::start;
use crate::webdav::app_password;

/// The tests of one suite that pass: `copymove copy_simple`.
fn passes(suite: &str, arguments: &[&str]) -> BTreeSet<String> {
    let folder = temp_folder();
    let mut command = Command::new("litmus");
    command.arg("-k").args(arguments).env("TESTS", suite).current_dir(folder.path());
    let run = Run::of(&mut command, "");
    let passed = run.out.lines().filter(|line| line.trim_end().ends_with(" pass"));
    let name = |line: &str| {
        let name = line.split_once(". ")?.1.split_once("..")?.0;
        Some(format!("{suite} {}", name.trim()))
    };
    passed.filter_map(name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn litmus_finds_what_it_finds_without_the_gateway() {
    let by_itself = start(r#"hosts = ["localhost"]"#, "").await;
    let behind = start(r#"hosts = ["localhost"]"#, "").await;
    let password = app_password(&behind.gateway, "jane", "webdav").await;
    let direct = format!("{}/", by_itself.copyparty.origin());
    let site = format!("{}/", behind.gateway.client().origin());
    let through = [site.as_str(), "jane", password.as_str()];
    for (suite, least) in [("basic", 15), ("copymove", 7), ("props", 7), ("locks", 14), ("http", 4)]
    {
        let expected = passes(suite, &[&direct]);
        assert!(expected.len() >= least, "{suite}: copyparty by itself passes {expected:?}");
        let missing: Vec<_> = expected.difference(&passes(suite, &through)).cloned().collect();
        assert!(missing.is_empty(), "lost behind the gateway: {missing:?}");
    }
}
