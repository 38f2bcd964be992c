//! A real copyparty on a free port: a gallery server that the gateway has not written.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use crate::binaries::installed;
use crate::config_dir::ConfigDir;
use crate::gateway::{Launch, PATIENCE, free_port, launch};
use crate::scratch::{TempFolder, temp_folder};

/// The name of the header without which it believes none of the others.
const KEY: &str = "x-vestibule-key-5d1c8e0f7a";

/// A copyparty that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Copyparty {
    launch: Launch,
    /// Its port on 127.0.0.1.
    pub port: u16,
    _state: TempFolder,
}

impl Copyparty {
    /// Starts one over a folder, open to everybody who reaches it. `below` is the path that it is
    /// mounted at, without its last slash; empty for none.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(folder: &Path, below: &str) -> Self {
        for _ in 0..5 {
            let mut copyparty = Self::launch(folder, below);
            let address = SocketAddr::from(([127, 0, 0, 1], copyparty.port));
            let launch = &mut copyparty.launch;
            let answers = crate::eventually(PATIENCE, "copyparty answers", async || {
                if launch.ended().is_some() {
                    return Some(false);
                }
                TcpStream::connect(address).is_ok().then_some(true)
            });
            if answers.await {
                return copyparty;
            }
        }
        panic!("copyparty does not start");
    }

    fn launch(folder: &Path, below: &str) -> Self {
        let (state, port) = (temp_folder(), free_port());
        let home = state.path().to_str().unwrap().to_owned();
        let volume = format!("{}::A", folder.display());
        let number = port.to_string();
        let mut arguments = vec![
            "-i",
            "127.0.0.1",
            "-p",
            &number,
            "--http-only",
            "--no-crt",
            "--no-ansi",
            "--daw",
            "--put-ck",
            "no",
            "--xff-src",
            "127.0.0.1/32",
            "--rproxy",
            "1",
            "--idp-h-usr",
            "x-vestibule-user",
            "--idp-h-grp",
            "x-vestibule-groups",
            "--idp-h-key",
            KEY,
            "--hist",
            &home,
            "-v",
            &volume,
        ];
        if !below.is_empty() {
            arguments.extend(["--rp-loc", below]);
        }
        let variables = [("HOME", home.as_str()), ("XDG_CONFIG_HOME", home.as_str())];
        let log = state.at("copyparty.log");
        let launch = launch(Command::new(installed("copyparty")), &arguments, &log, &variables);
        Self { launch, port, _state: state }
    }

    /// Its own address.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.launch.log()
    }
}

impl ConfigDir {
    /// Puts copyparty behind a site that is there already, at a mount such as `path = "/i/x/"`.
    ///
    /// # Panics
    /// If the files can't be written.
    pub fn put_behind(&self, id: &str, mount: &str, copyparty: &Copyparty) {
        let gallery = toml::Value::from(self.gallery(id).to_str().unwrap());
        let origin = copyparty.origin();
        let shares = if mount.starts_with("path") { "accept_shared_origin = true\n" } else { "" };
        let text = format!(
            "{mount}\n{shares}upstream = [\"{origin}\"]\nadapter = \"copyparty\"\ngallery = {gallery}\n\
             [identity_headers]\nuser = \"X-Vestibule-User\"\ngroups = \"X-Vestibule-Groups\"\n\
             secret = {{ name = {{ file = \"copyparty.key\" }} }}\n"
        );
        self.write("copyparty.key", &format!("{KEY}\n"));
        self.write(&format!("config.d/sites/{id}/site.toml"), &text);
    }
}
