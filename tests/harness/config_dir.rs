//! A configuration directory, its galleries and its accounts.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::binaries::{Run, repository};
use crate::pictures;
use crate::scratch::{TempFolder, run_folder, temp_folder};

/// The accounts that every configuration has; what they may do is the sites' word.
const ACCOUNTS: [&str; 5] = ["olivia", "fred", "carla", "jane", "mia"];

/// The password of an account.
#[must_use]
pub fn password(name: &str) -> String {
    format!("{name}-demo-password")
}

/// The permissions of the demo's site.
///
/// # Panics
/// If the file is not where it was.
#[must_use]
pub fn demo_permissions() -> String {
    fs::read_to_string(repository().join("gateway/src/demo/permissions.toml")).unwrap()
}

/// The state directory with the accounts: made once through the command line, copied ever after.
static STATE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = run_folder().join("accounts");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("vestibule.toml"), "").unwrap();
    let config = folder.to_str().unwrap();
    for name in ACCOUNTS {
        let arguments = ["users", "add", name, "--password-stdin", "--config", config];
        Run::vestibule(&arguments, &password(name)).expect(0);
    }
    folder.join("state")
});

/// A configuration directory.
#[derive(Debug)]
pub struct ConfigDir {
    folder: TempFolder,
    gateway: String,
}

impl Default for ConfigDir {
    fn default() -> Self {
        Self::new()
    }
}

impl ConfigDir {
    /// One without sites, with the accounts `olivia`, `fred`, `carla`, `jane` and `mia`.
    ///
    /// # Panics
    /// If it can't be written; so do all methods.
    #[must_use]
    pub fn new() -> Self {
        let folder = temp_folder();
        fs::create_dir_all(folder.at("config.d/sites")).unwrap();
        fs::create_dir(folder.at("state")).unwrap();
        for entry in fs::read_dir(&*STATE).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), folder.at("state").join(entry.file_name())).unwrap();
            }
        }
        let new = Self { folder, gateway: String::new() };
        new.write_gateway(8080);
        new
    }

    /// The demo's site `gallery` at `localhost`, over a copy of the sample gallery.
    #[must_use]
    pub fn demo() -> Self {
        Self::new().with_sample_site("gallery", r#"hosts = ["localhost"]"#)
    }

    /// Adds a site with the demo's permissions over a copy of the sample gallery.
    #[must_use]
    pub fn with_sample_site(self, id: &str, mount: &str) -> Self {
        let new = self.with_site(id, mount, &demo_permissions());
        copy_tree(pictures::sample_gallery(), &new.gallery(id));
        new
    }

    /// Adds a site with an empty gallery: a mount such as `path = "/i/x/"`, and permissions.
    #[must_use]
    pub fn with_site(self, id: &str, mount: &str, permissions: &str) -> Self {
        fs::create_dir_all(self.gallery(id)).unwrap();
        let site = format!("config.d/sites/{id}");
        fs::create_dir_all(self.folder.at(&site)).unwrap();
        self.write(&format!("{site}/site.toml"), &self.site_text(id, mount));
        self.write(&format!("{site}/permissions.toml"), permissions);
        self
    }

    /// The text of a `site.toml`: a mount, and whatever stands behind it.
    #[must_use]
    pub fn site_text(&self, id: &str, mount: &str) -> String {
        let gallery = toml::Value::from(self.gallery(id).to_str().unwrap());
        format!(
            "{mount}\nupstream = [\"built-in\"]\nadapter = \"vestibule\"\ngallery = {gallery}\n"
        )
    }

    /// Adds lines to `vestibule.toml`. With `[[tls]]`, `{port}` stands for the port.
    #[must_use]
    pub fn with_gateway(mut self, text: &str) -> Self {
        self.gateway.push_str(text);
        self.write_gateway(8080);
        self
    }

    /// Writes `vestibule.toml` for a port.
    pub(crate) fn write_gateway(&self, port: u16) {
        let own = self.gateway.replace("{port}", &port.to_string());
        let plain = if self.gateway.contains("[[tls]]") {
            String::new()
        } else {
            format!("listen = [\"127.0.0.1:{port}\"]\npublic_url = \"http://localhost:{port}\"\n")
        };
        fs::write(self.folder.at("vestibule.toml"), plain + &own).unwrap();
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where a file of it is.
    #[must_use]
    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.at(name)
    }

    /// Where a site's gallery is.
    #[must_use]
    pub fn gallery(&self, id: &str) -> PathBuf {
        self.folder.at("galleries").join(id)
    }

    /// Writes a file at once, as editors that are careful do.
    pub fn write(&self, name: &str, text: &str) {
        replace(&self.folder.at(name), text.as_bytes());
    }

    /// Writes a file of a gallery, with the folders on the way.
    pub fn put(&self, id: &str, name: &str, bytes: impl AsRef<[u8]>) {
        replace(&self.gallery(id).join(name), bytes.as_ref());
    }

    /// Runs `vestibule` on this configuration: `--config` is added.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, "")
    }

    /// The same with a text on its standard input.
    #[must_use]
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Run {
        let mut all = arguments.to_vec();
        all.extend(["--config", self.path().to_str().unwrap()]);
        Run::vestibule(&all, input)
    }
}

fn replace(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let partial = path.with_file_name(".partial");
    fs::write(&partial, bytes).unwrap();
    fs::rename(partial, path).unwrap();
}

/// Copies a folder with everything in it; pictures, which nobody changes, become further names of
/// the same file.
fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::hard_link(entry.path(), target).unwrap();
        }
    }
}
