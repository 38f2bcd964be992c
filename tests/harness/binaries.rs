//! The programs that are tested.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the repository.
///
/// # Panics
/// Never: this crate lies in it.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The gateway's program: `VESTIBULE_BIN`, or the one beside this test's own executable.
///
/// # Panics
/// If it has not been built.
#[must_use]
pub fn vestibule() -> PathBuf {
    if let Some(path) = std::env::var_os("VESTIBULE_BIN") {
        return PathBuf::from(path);
    }
    let own = std::env::current_exe().unwrap();
    let found = own.ancestors().skip(1).map(|folder| folder.join("vestibule"));
    found.take(3).find(|path| path.is_file()).expect("run `cargo build -p vestibule` first")
}

/// The official `cedar` command: `CEDAR_BIN`, or the one in `target/tools`.
///
/// # Panics
/// If it is not there.
#[must_use]
pub fn cedar() -> PathBuf {
    if let Some(path) = std::env::var_os("CEDAR_BIN") {
        return PathBuf::from(path);
    }
    let path = repository().join("target/tools/bin/cedar");
    assert!(path.is_file(), "the official `cedar` command is missing: run `make tools`");
    path
}

/// A program that `make webdav` or `make schemathesis` installs: the variable of this name, or the one in
/// `target/tools`.
///
/// # Panics
/// If it is not there.
#[must_use]
pub fn installed(name: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(format!("{}_BIN", name.to_uppercase())) {
        return PathBuf::from(path);
    }
    let path = repository().join("target/tools/bin").join(name);
    assert!(path.is_file(), "`{name}` is missing: run `make webdav schemathesis`");
    path
}

/// How a command ended.
#[derive(Debug)]
pub struct Run {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Run {
    /// Runs a program to its end with a text on its standard input.
    ///
    /// # Panics
    /// If it can't be started or is ended by a signal.
    #[must_use]
    pub fn of(command: &mut Command, input: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        // a program that reads nothing may have ended already
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Self {
            code: output.status.code().unwrap_or_else(|| panic!("{command:?}: {output:?}")),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs `vestibule` with arguments.
    #[must_use]
    pub fn vestibule(arguments: &[&str], input: &str) -> Self {
        Self::of(Command::new(vestibule()).args(arguments), input)
    }

    /// Holds the exit code against what it must be.
    ///
    /// # Panics
    /// If it is another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }
}
