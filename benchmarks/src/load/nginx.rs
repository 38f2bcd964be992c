//! nginx in its roles: the gallery server, a plain proxy, a proxy with a subrequest, and the
//! authoriser that allows everything.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::children::{Running, local};

/// The length of the body that the stand-in for a gallery server sends for any path.
pub(super) const BODY_BYTES: usize = 1024;

/// What one nginx does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// Answers any path with the same bytes.
    Upstream,
    /// Answers 204 to anything: the cheapest authoriser there can be.
    Authoriser,
    /// Passes everything on.
    Proxy { upstream: u16 },
    /// Asks the authoriser before it passes anything on.
    AuthRequest { upstream: u16, authoriser: u16 },
}

/// Starts an nginx of one process, so that what it costs is one line of `/proc`.
pub(super) fn start(
    name: &'static str,
    role: Role,
    port: u16,
    work: &Path,
) -> anyhow::Result<Running> {
    let own = work.join(name);
    fs::create_dir(&own).with_context(|| format!("`{}`", own.display()))?;
    let file = own.join("nginx.conf");
    fs::write(&file, configuration(&own, role, port))
        .with_context(|| format!("`{}`", file.display()))?;
    let mut running = Running::start(
        name,
        Command::new(program()).arg("-p").arg(&own).arg("-c").arg(&file),
        work,
    )
    .context("nginx is needed: `apt-get install nginx`")?;
    running.wait_for(port)?;
    Ok(running)
}

/// What nginx calls itself.
pub(super) fn version() -> String {
    let output = Command::new(program()).arg("-v").output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stderr).trim().to_owned());
    said.unwrap_or_default().trim_start_matches("nginx version: ").to_owned()
}

/// Debian has it where only root looks.
fn program() -> &'static str {
    const DEBIAN: &str = "/usr/sbin/nginx";
    if Path::new(DEBIAN).exists() { DEBIAN } else { "nginx" }
}

fn configuration(own: &Path, role: Role, port: u16) -> String {
    let own = own.display();
    let mut text = format!(
        "daemon off; master_process off; pid {own}/pid; error_log stderr warn;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
         access_log off; default_type image/jpeg; tcp_nodelay on;\n\
         keepalive_requests 1000000000; keepalive_timeout 1h;\n"
    );
    for area in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        // writing to a text can't fail
        let _ = writeln!(text, "{area}_temp_path {own}/{area};");
    }
    let mut pool = |name: &str, port: u16| {
        let address = local(port);
        let _ = writeln!(
            text,
            "upstream {name} {{ server {address}; keepalive 64; keepalive_requests 1000000000; }}"
        );
    };
    match role {
        Role::Upstream | Role::Authoriser => {}
        Role::Proxy { upstream } => pool("gallery", upstream),
        Role::AuthRequest { upstream, authoriser } => {
            pool("gallery", upstream);
            pool("authoriser", authoriser);
        }
    }
    let forward = "proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $http_host;";
    let locations = match role {
        Role::Upstream => format!("location / {{ return 200 \"{}\"; }}", "x".repeat(BODY_BYTES)),
        Role::Authoriser => "location / { return 204; }".to_owned(),
        Role::Proxy { .. } => format!("location / {{ proxy_pass http://gallery; {forward} }}"),
        Role::AuthRequest { .. } => format!(
            "location = /_authorise {{ internal; proxy_pass http://authoriser; {forward}\n\
             proxy_pass_request_body off; proxy_set_header Content-Length \"\";\n\
             proxy_set_header X-Original-URI $request_uri; }}\n\
             location / {{ auth_request /_authorise; proxy_pass http://gallery; {forward} }}"
        ),
    };
    let _ = writeln!(text, "server {{ listen {}; {locations} }}\n}}", local(port));
    text
}
