//! The first look at a request: framing, host, target, headers that may not be there.
//!
//! What passes here is a [`Head`]; nothing of the raw request is believed afterwards but the
//! headers that `forward` names.

mod client;
pub mod raw;
mod websocket;

use std::fmt::Write as _;
use std::net::IpAddr;

use http::{HeaderMap, Method, header};
use ipnet::IpNet;
use pingora::http::RequestHeader;
use vestibule_adapters::Upgrade;
use vestibule_identity::{CertificateHash, RequestOrigin};

use crate::headers::is_protected;
use crate::sites::Authority;
pub use raw::Framing;

/// A request that can be read in one way only.
#[derive(Debug, Clone)]
pub struct Head {
    /// Over what, to which host, from whom.
    pub origin: RequestOrigin,
    /// The folded host, without port.
    host_length: usize,
    /// The method; neither `CONNECT` nor `TRACE`.
    pub method: Method,
    target: http::uri::PathAndQuery,
    /// How the body is framed.
    pub framing: Framing,
    /// What the client asks the connection to become.
    pub upgrade: Option<Upgrade>,
    /// What kind of client sent it.
    pub client: ClientKind,
    /// Whether `Sec-Fetch-*` tells of a browser.
    pub has_fetch_metadata: bool,
    /// Whether `Sec-Fetch-Site` tells of a page of somebody else's.
    pub is_from_elsewhere: bool,
    /// The header `Depth` of WebDAV.
    pub depth: Option<String>,
    /// The header `Destination` of WebDAV, as it came.
    pub destination: Option<String>,
    /// Whether the client waits to be told before it sends the body.
    pub expects_continue: bool,
}

/// What kind of client sent a request, as far as that settles how a refusal looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// A browser that goes to a page.
    Navigation,
    /// A browser that fetches something for a page.
    Fetch,
    /// Anything else.
    Program,
}

/// What the connection says of a request.
#[derive(Debug, Clone, Copy)]
pub struct Connection<'a> {
    /// The peer's address; none over a socket without addresses.
    pub peer: Option<IpAddr>,
    /// Whether the connection itself is TLS.
    pub is_tls: bool,
    /// The verified certificate that the peer showed.
    pub certificate: Option<CertificateHash>,
    /// The host that it was made for, as a TLS client names it.
    pub server_name: Option<&'a str>,
    /// The networks whose forwarded headers are believed.
    pub trusted_proxies: &'a [IpNet],
}

/// Why a request is not even looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrontError {
    /// A line ends without carriage return.
    #[error("a line of the head ends without carriage return")]
    BareLineFeed,
    /// What the client showed when the connection began is not good any more.
    #[error("the client's certificate is no longer valid")]
    Certificate,
    /// A control character.
    #[error("the head has a control character")]
    Control,
    /// The first line is none.
    #[error("the request line is malformed")]
    RequestLine,
    /// The target has a fragment.
    #[error("the target has a fragment")]
    Fragment,
    /// The target is longer than any that is served.
    #[error("the target is too long")]
    TargetTooLong,
    /// The target is neither a path nor an absolute address.
    #[error("the target is no path")]
    TargetForm,
    /// The head is longer than 32 KiB.
    #[error("the head is too large")]
    HeadTooLarge,
    /// The head has more than 100 fields.
    #[error("the head has too many fields")]
    TooManyFields,
    /// A field goes on in the next line.
    #[error("a field goes on in the next line")]
    FoldedField,
    /// A field's name is none.
    #[error("a field's name is malformed")]
    FieldName,
    /// There is not exactly one `Host`, or it is no host.
    #[error("a request has exactly one host")]
    Host,
    /// The length is given twice, or is no number.
    #[error("the content length is malformed")]
    ContentLength,
    /// The transfer encoding is not just `chunked`.
    #[error("the transfer encoding is not just `chunked`")]
    TransferEncoding,
    /// A length and a transfer encoding.
    #[error("the body has a length and a transfer encoding")]
    TwoFramings,
    /// A body where none has a meaning.
    #[error("a request of this method has no body")]
    Body,
    /// `Connection` names a header that must arrive.
    #[error("`connection` names a header that is protected")]
    Connection,
    /// There is more than one `Authorization`.
    #[error("a request has at most one authorization")]
    Authorization,
    /// A header that says what a WebDAV request is about stands there twice, or is no text.
    #[error("a request has at most one depth and one destination, of plain characters")]
    WebDav,
    /// `CONNECT` and `TRACE`.
    #[error("the method is not served")]
    Method,
    /// The connection was made for another host.
    #[error("the connection was made for another host")]
    ServerName,
    /// A change of the protocol in a form that is not understood.
    #[error("the protocol can't be changed like this")]
    Upgrade,
}

impl Head {
    /// Judges a request. `raw` is its head as it came; none with HTTP/2, which has no such form.
    ///
    /// # Errors
    /// [`FrontError`]: the request is answered and its connection closed.
    pub fn read(
        raw: Option<&[u8]>,
        request: &RequestHeader,
        connection: Connection<'_>,
    ) -> Result<Self, FrontError> {
        let framing = match raw {
            Some(raw) => raw::check(raw)?,
            None => Framing::None,
        };
        if matches!(request.method, Method::CONNECT | Method::TRACE) {
            return Err(FrontError::Method);
        }
        if matches!(request.method, Method::GET | Method::HEAD) && framing != Framing::None {
            return Err(FrontError::Body);
        }
        let headers = &request.headers;
        check_connection(headers)?;
        let upgrade = websocket::asked(request, framing)?;
        let target = target(request)?;
        let seen = client::see(headers, connection);
        let (authority, host_length) = authority(request, seen.is_secure)?;
        check_server_name(authority.get(..host_length).unwrap_or_default(), connection)?;
        let origin = RequestOrigin {
            secure: seen.is_secure,
            authority,
            client: seen.address,
            request_id: None,
            client_certificate: seen.certificate,
        };
        let method = request.method.clone();
        let client = ClientKind::of(&method, headers);
        let has_fetch_metadata =
            headers.contains_key("sec-fetch-site") || headers.contains_key("sec-fetch-mode");
        let expects = headers.get(header::EXPECT);
        Ok(Self {
            origin,
            host_length,
            method,
            target,
            framing,
            upgrade,
            client,
            has_fetch_metadata,
            is_from_elsewhere: headers
                .get_all("sec-fetch-site")
                .iter()
                .any(|value| !matches!(value.as_bytes(), b"same-origin" | b"none")),
            depth: only(headers, "depth")?,
            destination: only(headers, "destination")?,
            expects_continue: expects
                .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")),
        })
    }

    /// The host, in lower case, without port.
    #[must_use]
    pub fn host(&self) -> &str {
        self.origin.authority.get(..self.host_length).unwrap_or_default()
    }

    /// The raw path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.path()
    }

    /// The raw query.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.query()
    }

    /// The raw path and query.
    #[must_use]
    pub fn target(&self) -> &str {
        self.target.as_str()
    }
}

impl ClientKind {
    fn of(method: &Method, headers: &HeaderMap) -> Self {
        let mode = headers.get("sec-fetch-mode");
        let has_fetch = mode.is_some() || headers.contains_key("sec-fetch-site");
        let goes = mode.is_none_or(|mode| mode == "navigate");
        let reads = *method == Method::GET || *method == Method::HEAD;
        let accepts_html = || {
            let mut accepted = headers.get_all(header::ACCEPT).iter();
            accepted.any(|value| value.as_bytes().windows(9).any(|part| part == b"text/html"))
        };
        match (goes && reads && accepts_html(), has_fetch) {
            (true, _) => Self::Navigation,
            (false, true) => Self::Fetch,
            (false, false) => Self::Program,
        }
    }
}

/// Path and query, from a target in origin or absolute form.
fn target(request: &RequestHeader) -> Result<http::uri::PathAndQuery, FrontError> {
    let raw = request.raw_path();
    let is_absolute = |scheme: &[u8]| {
        raw.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let has_form =
        raw.first() == Some(&b'/') || is_absolute(b"http://") || is_absolute(b"https://");
    if !has_form || !request.raw_path_is_utf8() {
        return Err(FrontError::TargetForm);
    }
    request.uri.path_and_query().cloned().ok_or(FrontError::TargetForm)
}

/// The folded authority, and how much of it is the host. pingora has already refused a target
/// whose own authority is another (requirement S52).
fn authority(request: &RequestHeader, is_secure: bool) -> Result<(String, usize), FrontError> {
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let text = match (hosts.next(), hosts.next(), request.uri.authority()) {
        (Some(host), None, _) => host.to_str().map_err(|_| FrontError::Host)?,
        (None, None, Some(authority)) => authority.as_str(),
        _ => return Err(FrontError::Host),
    };
    let authority = Authority::split(text).ok_or(FrontError::Host)?;
    let mut folded = authority.host.into_owned();
    let host_length = folded.len();
    let own_port = if is_secure { 443 } else { 80 };
    if let Some(port) = authority.port.filter(|port| *port != own_port) {
        // writing to a text can't fail
        let _ = write!(folded, ":{port}");
    }
    Ok((folded, host_length))
}

/// S56: `Connection` may not name a header that the gateway relies on.
fn check_connection(headers: &HeaderMap) -> Result<(), FrontError> {
    for value in headers.get_all(header::CONNECTION) {
        let value = value.to_str().map_err(|_| FrontError::Connection)?;
        let mut names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
        if names.any(is_protected) {
            return Err(FrontError::Connection);
        }
    }
    if headers.get_all(header::AUTHORIZATION).iter().nth(1).is_some() {
        return Err(FrontError::Authorization);
    }
    Ok(())
}

/// S80: a connection is for the host that it was made for. What is between it and a trusted proxy is
/// not for the proxy's clients.
fn check_server_name(host: &str, connection: Connection<'_>) -> Result<(), FrontError> {
    let is_host = |name: &str| name.trim_end_matches('.').eq_ignore_ascii_case(host);
    if connection.server_name.is_none_or(is_host) || client::is_proxy(connection) {
        Ok(())
    } else {
        Err(FrontError::ServerName)
    }
}

/// The one value of a header that two readers must not read differently.
fn only(headers: &HeaderMap, name: &str) -> Result<Option<String>, FrontError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(_) => Err(FrontError::WebDav),
        },
        (Some(_), Some(_)) => Err(FrontError::WebDav),
    }
}

#[cfg(test)]
mod tests;
