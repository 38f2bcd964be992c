//! `site.toml`: where one protected gallery is, and how it is reached.

mod identity_headers;

use std::net::{IpAddr, SocketAddr};

use super::reader::{Reader, Spanned, Table};
use crate::problem::{Problem, Source};
use crate::size::Sizes;
pub use identity_headers::{HeaderSecret, IdentityHeadersDocument, SecretSource};

/// How folder blocks below each other combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cascade {
    /// A permission is held only if every block on the way grants it.
    #[default]
    Restrict,
    /// The nearest block decides alone.
    Nearest,
}

/// Where a site is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// Under host names of its own: lower case, without port.
    Hosts(Vec<Spanned<String>>),
    /// Under a path of the portal's host: `/i/family/`.
    Path(Spanned<String>),
}

/// The address of a gallery server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UpstreamAddress {
    /// `http://host:port`.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// `unix:/path`, absolute or relative to the configuration directory.
    Unix(String),
    /// `built-in`: the gateway shows the site's `gallery` itself.
    BuiltIn,
}

impl std::fmt::Display for UpstreamAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "http://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{path}"),
            Self::BuiltIn => f.write_str("built-in"),
        }
    }
}

/// A site as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteDocument {
    /// Where it is reached.
    pub mount: Mount,
    /// The gallery servers.
    pub upstream: Vec<UpstreamAddress>,
    /// The route map's name.
    pub adapter: Spanned<String>,
    /// Where the `_folder.md` blocks are, relative to the configuration directory.
    pub gallery: Option<Spanned<String>>,
    /// How blocks combine.
    pub cascade: Cascade,
    /// The named sizes that the gallery server renders.
    pub sizes: Sizes,
    /// Whether RAW files go out with their metadata to who may not see it.
    pub raw_keeps_metadata: bool,
    /// Whether the gallery server is told, signed, who asks.
    pub assertion: bool,
    /// The time zone of the site's weekday and time of day; none: UTC.
    pub timezone: Option<Spanned<String>>,
    /// Whether hand-written policies may permit, too.
    pub custom_permits: bool,
    /// Whether a gallery server of somebody else's may answer at the portal's own origin.
    pub accept_shared_origin: bool,
    /// Whether programs may show app passwords: not with `disable_features = ["app-passwords"]`.
    pub app_passwords: bool,
    /// By which headers the gallery server learns who asks.
    pub identity_headers: Option<IdentityHeadersDocument>,
}

impl SiteDocument {
    /// Reads a `site.toml`; `None` if too little of it can be read.
    #[must_use]
    pub fn parse(source: &Source) -> (Option<Self>, Vec<Problem>) {
        let reader = Reader::new(source);
        let mut root = reader.root(source.text());
        let mount = read_mount(&mut root);
        let upstream = read_upstream(&mut root);
        let adapter = root.required_string("adapter");
        let gallery = root.string("gallery");
        let cascade = read_cascade(&mut root);
        let raw = root.boolean("raw_keeps_metadata").is_some_and(|raw| raw.value);
        let assertion = root.boolean("assertion").is_some_and(|assertion| assertion.value);
        let timezone = root.string("timezone");
        let custom_permits = root.boolean("custom_permits").is_some_and(|permits| permits.value);
        let identity_headers = root.table("identity_headers").and_then(identity_headers::read);
        let accepted = root.boolean("accept_shared_origin").is_some_and(|accepts| accepts.value);
        let app_passwords = !super::features::disabled_at_site(&mut root).app_passwords;
        let sizes = root.table("sizes").map(read_sizes).unwrap_or_default();
        root.finish();
        let document = match (mount, upstream, adapter) {
            (Some(mount), Some(upstream), Some(adapter)) => Some(Self {
                mount,
                upstream,
                adapter,
                gallery,
                cascade,
                sizes,
                raw_keeps_metadata: raw,
                assertion,
                timezone,
                custom_permits,
                accept_shared_origin: accepted,
                app_passwords,
                identity_headers,
            }),
            _ => None,
        };
        (document, reader.into_problems())
    }
}

fn read_mount(root: &mut Table<'_, '_>) -> Option<Mount> {
    let reader = root.reader();
    let hosts = root.strings("hosts");
    let path = root.string("path");
    match (hosts, path) {
        (Some(hosts), None) if !hosts.is_empty() => {
            let hosts = hosts.into_iter().filter_map(|host| read_host(reader, host)).collect();
            Some(Mount::Hosts(hosts))
        }
        (None, Some(path)) => read_path(reader, path).map(Mount::Path),
        (Some(_), Some(path)) => {
            let message = "a site has either `hosts` or a `path`, not both".to_owned();
            reader.error("site::two_mounts", message, &path.span, "beside `hosts`");
            None
        }
        _ => {
            reader.report(
                Problem::error("site::no_mount", "the site is reached nowhere")
                    .at(reader.source(), 0..0, "neither `hosts` nor `path`")
                    .help(r#"write `hosts = ["photos.example.com"]` or `path = "/i/family/"`"#),
            );
            None
        }
    }
}

fn read_host(reader: &Reader<'_>, host: Spanned<String>) -> Option<Spanned<String>> {
    let text = host.value.to_ascii_lowercase();
    let name = text.strip_suffix('.').unwrap_or(&text);
    let is_name = !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if is_name || is_address {
        return Some(Spanned { value: name.to_owned(), span: host.span });
    }
    reader.report(
        Problem::error("site::bad_host", format!("`{}` is no host name", host.value))
            .at(reader.source(), host.span, "a name without scheme, port or path")
            .help("write internationalised names in their `xn--` form"),
    );
    None
}

fn read_path(reader: &Reader<'_>, path: Spanned<String>) -> Option<Spanned<String>> {
    let inner = path.value.strip_prefix('/').and_then(|path| path.strip_suffix('/'));
    let is_path = inner.is_some_and(|inner| {
        inner.split('/').all(|segment| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
            !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(plain)
        })
    });
    let reserved = inner.is_some_and(|inner| inner.split('/').next() == Some("_vestibule"));
    if is_path && !reserved {
        return Some(path);
    }
    reader.report(
        Problem::error("site::bad_path", format!("`{}` is no path for a site", path.value))
            .at(reader.source(), path.span, "begins and ends with `/`, plain letters between")
            .help("write it like `/i/family/`; `/_vestibule/` belongs to the gateway"),
    );
    None
}

fn read_upstream(root: &mut Table<'_, '_>) -> Option<Vec<UpstreamAddress>> {
    let reader = root.reader();
    let Some(addresses) = root.strings("upstream").filter(|list| !list.is_empty()) else {
        reader.report(
            Problem::error("site::no_upstream", "the site has no upstream")
                .at(reader.source(), 0..0, "`upstream` is missing or empty")
                .help(r#"write `upstream = ["http://127.0.0.1:8090"]`"#),
        );
        return None;
    };
    addresses.into_iter().map(|address| read_address(reader, address)).collect()
}

fn read_address(reader: &Reader<'_>, address: Spanned<String>) -> Option<UpstreamAddress> {
    if address.value == "built-in" {
        return Some(UpstreamAddress::BuiltIn);
    }
    if let Some(path) = address.value.strip_prefix("unix:").filter(|path| !path.is_empty()) {
        return Some(UpstreamAddress::Unix(path.to_owned()));
    }
    let authority = address.value.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    if let Some((host, port)) = authority.and_then(split_authority) {
        return Some(UpstreamAddress::Tcp { host, port });
    }
    reader.report(
        Problem::error(
            "site::bad_upstream",
            format!("`{}` is no address of a gallery server", address.value),
        )
        .at(reader.source(), address.span, "can't be reached")
        .help("write `http://host:port`, `unix:/path/to/socket` or `built-in`"),
    );
    None
}

/// Host and port of an authority, without user information, path or query.
fn split_authority(authority: &str) -> Option<(String, u16)> {
    if let Ok(address) = authority.parse::<SocketAddr>() {
        return Some((address.ip().to_string(), address.port()));
    }
    let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
    let is_host = !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let port = port.parse().ok().filter(|port| *port > 0)?;
    is_host.then(|| (host.to_owned(), port))
}

fn read_cascade(root: &mut Table<'_, '_>) -> Cascade {
    let reader = root.reader();
    let Some(word) = root.string("cascade") else {
        return Cascade::Restrict;
    };
    match word.value.as_str() {
        "restrict" => Cascade::Restrict,
        "nearest" => Cascade::Nearest,
        other => {
            reader.report(
                Problem::error("site::bad_cascade", format!("unknown cascade `{other}`"))
                    .at(reader.source(), word.span, "neither `restrict` nor `nearest`")
                    .suggest(other, ["restrict", "nearest"]),
            );
            Cascade::Restrict
        }
    }
}

fn read_sizes(mut table: Table<'_, '_>) -> Sizes {
    let default = Sizes::default();
    let mut pixels = |key: &'static str, otherwise: u32| match table.integer(key) {
        None => otherwise,
        Some(number) => u32::try_from(number.value)
            .ok()
            .filter(|pixels| (16..=20_000).contains(pixels))
            .unwrap_or_else(|| {
                let message = format!("`{key}` must be between 16 and 20000 pixels");
                table.reader().error("site::bad_size", message, &number.span, "out of range");
                otherwise
            }),
    };
    let sizes = Sizes {
        thumbnail: pixels("thumbnail", default.thumbnail),
        gallery: pixels("gallery", default.gallery),
        medium: pixels("medium", default.medium),
        large: pixels("large", default.large),
    };
    let ascending = sizes.thumbnail <= sizes.gallery
        && sizes.gallery <= sizes.medium
        && sizes.medium <= sizes.large;
    if !ascending {
        let message = "the sizes must ascend from thumbnail to large".to_owned();
        table.reader().error("site::bad_size", message, table.span(), "not ascending");
    }
    table.finish();
    sizes
}
