//! A library in a temporary folder, a backend over it, and somebody who asks.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tempfile::TempDir;
use vestibule_grant::{Below, Binding, Claims, GrantKey, HEADER, KeyRing, KnownRules, Subject};
use vestibule_schema::{GalleryPath, Permission, PermissionSet, SiteId};

use crate::{Backend, Config, Listen};

pub(super) struct Gallery {
    dir: TempDir,
    pub(super) backend: Backend,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{:?} {:?}",
            self.headers,
            self.body.get(..300.min(self.body.len()))
        );
        self
    }
}

pub(super) fn key() -> GrantKey {
    GrantKey::from_secret("test", [9; 32])
}

pub(super) fn path(text: &str) -> GalleryPath {
    GalleryPath::from_decoded(text).unwrap()
}

pub(super) fn set(held: &[Permission]) -> PermissionSet {
    held.iter().copied().collect::<PermissionSet>().with(Permission::View)
}

/// Somebody with these permissions and nothing below.
pub(super) fn claims(permissions: PermissionSet) -> Claims {
    Claims {
        subject: Subject::User { name: "jane".into() },
        base: "/i/family".into(),
        permissions,
        above: Vec::new(),
        below: Vec::new(),
        reach: None,
        raw_keeps_metadata: false,
    }
}

/// The same with folders that have rules of their own.
pub(super) fn with_below(mut claims: Claims, below: &[(&str, PermissionSet)]) -> Claims {
    claims.below = below
        .iter()
        .map(|(folder, permissions)| Below {
            folder: path(folder),
            permissions: *permissions,
            rules: KnownRules::Block,
        })
        .collect();
    claims.below.sort_by(|a, b| a.folder.cmp(&b.folder));
    claims
}

impl Gallery {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A gallery whose configuration is changed first.
    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("library")).unwrap();
        let mut config = Self::config(dir.path());
        change(&mut config);
        let backend = Backend::new(config).unwrap();
        Self { dir, backend }
    }

    pub(super) fn config(dir: &Path) -> Config {
        let listen = Listen::Unix(dir.join("backend.sock"));
        let keys = KeyRing::new(vec![key()]);
        let site = SiteId::parse("family").unwrap();
        Config::new(dir.join("library"), dir.join("cache"), site, keys, listen)
    }

    /// Where a path of the gallery is on disk.
    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join("library").join(path)
    }

    /// The folder around the library.
    pub(super) fn around(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let at = self.at(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, bytes).unwrap();
    }

    pub(super) async fn get(&self, target: &str, claims: &Claims) -> Answer {
        self.ask("GET", target, claims, &[]).await
    }

    /// Asks with a grant for exactly this.
    pub(super) async fn ask(
        &self,
        method: &str,
        target: &str,
        claims: &Claims,
        headers: &[(&str, &str)],
    ) -> Answer {
        let binding = Binding { site: "family", method, target };
        let grant = key().sign(&binding, claims, SystemTime::now()).unwrap();
        let mut all = vec![(HEADER, grant.as_str())];
        all.extend_from_slice(headers);
        self.send(method, target, &all).await
    }

    pub(super) async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.backend.respond(request.body(()).unwrap()).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }
}
