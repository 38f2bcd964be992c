//! A browser: cookies of its own, no redirects followed.

use std::net::SocketAddr;
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::authority::Issued;
use crate::config_dir::password;

/// What a browser sends when somebody opens a page.
const NAVIGATION: [(&str, &str); 4] = [
    ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-dest", "document"),
];

/// A browser at one origin.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    origin: String,
}

/// Every name is this machine.
#[derive(Debug)]
struct Here;

impl Resolve for Here {
    fn resolve(&self, _: Name) -> Resolving {
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        Box::pin(async move { Ok(Box::new(std::iter::once(here)) as Addrs) })
    }
}

pub(crate) fn builder() -> reqwest::ClientBuilder {
    static CRYPTO: Once = Once::new();
    CRYPTO.call_once(|| {
        // an error means that it is installed already
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .cookie_store(true)
        .dns_resolver(Arc::new(Here))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(60))
}

impl Client {
    /// A browser without cookies at an origin such as `http://localhost:8080`.
    ///
    /// # Panics
    /// If it can't be made.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        // no certificate is needed, and a machine may have none
        let http = builder().tls_certs_only([]).build().unwrap();
        Self { http, origin: origin.to_owned() }
    }

    /// A browser that trusts one certificate, in PEM.
    ///
    /// # Panics
    /// If that is none.
    #[must_use]
    pub fn trusting(origin: &str, certificate: &str) -> Self {
        let certificate = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
        let http = builder().tls_certs_only([certificate]).build().unwrap();
        Self { http, origin: origin.to_owned() }
    }

    /// The same, which shows a certificate of its own where one is asked for.
    ///
    /// # Panics
    /// If that is none.
    #[must_use]
    pub fn showing(origin: &str, trusted: &str, own: Option<&Issued>) -> Self {
        let trusted = reqwest::Certificate::from_pem(trusted.as_bytes()).unwrap();
        let mut builder = builder().tls_certs_only([trusted]);
        if let Some(own) = own {
            let pem = own.certificate.clone() + &own.key;
            builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        Self { http: builder.build().unwrap(), origin: origin.to_owned() }
    }

    /// The status of a `GET`; none if the connection is refused or breaks.
    pub async fn try_get(&self, target: &str) -> Option<u16> {
        let answer = self.request(Method::GET, target).send().await.ok()?;
        Some(answer.status().as_u16())
    }

    /// Where it is: `http://localhost:8080`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A request to be completed. The target begins with `/`; a whole address is taken as it is.
    pub fn request(&self, method: Method, target: &str) -> reqwest::RequestBuilder {
        let address = if target.starts_with('/') {
            format!("{}{target}", self.origin)
        } else {
            target.to_owned()
        };
        self.http.request(method, address)
    }

    /// `GET` as a program sends it.
    ///
    /// # Panics
    /// If there is no answer; so do all that send.
    pub async fn get(&self, target: &str) -> Reply {
        Reply::to(self.request(Method::GET, target)).await
    }

    /// `GET` with headers.
    pub async fn get_with(&self, target: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.request(Method::GET, target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::to(request).await
    }

    /// `GET` as a browser sends it when somebody opens a page.
    pub async fn open(&self, target: &str) -> Reply {
        self.get_with(target, &NAVIGATION).await
    }

    /// Sends a form from a page of this origin, with the token that the page carries.
    pub async fn submit(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> Reply {
        let form = self.open(page).await.expect(200);
        let token = between(form.text(), "name=\"form_token\" value=\"", "\"").to_owned();
        let mut all = vec![("form_token", token.as_str())];
        all.extend_from_slice(fields);
        let mut request = self.request(Method::POST, action).header("origin", &self.origin);
        for (name, value) in NAVIGATION {
            request = request.header(name, value);
        }
        Reply::to(request.form(&all)).await
    }

    /// Tries to sign in through the page's form.
    pub async fn try_sign_in(&self, name: &str, password: &str) -> Reply {
        let page = "/_vestibule/sign-in";
        self.submit(page, page, &[("name", name), ("password", password)]).await
    }

    /// Signs in through the portal's form, on a busy machine more than once, and enters the site
    /// that is at this origin, if there is one that is open. The answer is the portal's.
    ///
    /// # Panics
    /// If that is refused.
    pub async fn sign_in(&self, name: &str) -> Reply {
        let portal = self.at_portal();
        let reply = crate::eventually(Duration::from_secs(30), "signing in", async || {
            let reply = portal.try_sign_in(name, &password(name)).await;
            (reply.status != 503).then_some(reply)
        });
        let welcome = reply.await.expect(303);
        self.enter("/").await;
        welcome
    }

    /// Goes the way from a site's sign-in through the portal and back to a path, as somebody who is
    /// signed in there; the last answer of that way, which sets the site's cookie.
    pub async fn enter(&self, path: &str) -> Reply {
        let query: String = path.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let mut origin = self.origin.clone();
        let mut step = self.open(&format!("/_vestibule/sign-in?return={query}")).await;
        for _ in 0..8 {
            let to = step.header("location").to_owned();
            let Some((at, target)) = to.split_once("/_vestibule/") else { break };
            if !at.is_empty() {
                at.clone_into(&mut origin);
            }
            step = self.open(&format!("{origin}/_vestibule/{target}")).await;
        }
        step
    }

    /// The same browser at the portal, which is at `localhost`.
    ///
    /// # Panics
    /// Never: the origin is one.
    #[must_use]
    pub fn at_portal(&self) -> Self {
        let (scheme, rest) = self.origin.split_once("://").expect("an origin");
        let port = rest.rsplit_once(':').map_or("", |(_, port)| port);
        Self { http: self.http.clone(), origin: format!("{scheme}://localhost:{port}") }
    }

    /// Makes an app password on its page, as who is signed in at the portal: their password, what it
    /// may do, and the form's other fields.
    ///
    /// # Panics
    /// If none is made.
    pub async fn app_password(
        &self,
        (owner, scope): (&str, &str),
        more: &[(&str, &str)],
    ) -> String {
        let page = "/_vestibule/account/app-passwords";
        let mut fields = vec![("name", "a program"), ("scope", scope), ("password", owner)];
        fields.extend_from_slice(more);
        let made = self.at_portal().submit(page, page, &fields).await.expect(201);
        between(made.text(), "<code class=\"told\">", "</code>").to_owned()
    }

    /// Signs out through the page's form.
    pub async fn sign_out(&self) -> Reply {
        let page = "/_vestibule/sign-out";
        self.submit(page, page, &[]).await.expect(303)
    }
}

/// What came back, whole.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// Sends a request and takes the whole answer.
    ///
    /// # Panics
    /// If there is none.
    pub async fn to(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap_or_else(|error| panic!("{error:?}"));
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await.unwrap_or_else(|error| panic!("{error:?}"));
        Self { status, headers, body }
    }

    /// Holds the status against what it must be.
    ///
    /// # Panics
    /// If it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(self.body.get(..400).unwrap_or(&self.body));
        assert_eq!(self.status, status, "{:#?}\n{body}", self.headers);
        self
    }

    /// The body as text.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The page without what is new each time: the token of its form, and what a browser is asked
    /// that may have a passkey.
    #[must_use]
    pub fn lasting_text(&self) -> String {
        let new = [
            ("name=\"form_token\" value=\"", "\""),
            ("name=\"question\" value=\"", "\""),
            ("&#34;challenge&#34;:&#34;", "&#34;"),
        ];
        new.iter().fold(self.text().to_owned(), |text, (before, after)| {
            let mut parts = text.split(before);
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |text, part| {
                let (_, rest) = part.split_once(after).unwrap_or_default();
                text + before + after + rest
            })
        })
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A header's value; empty if there is none.
    ///
    /// # Panics
    /// If it is no text.
    #[track_caller]
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// All values of a header.
    ///
    /// # Panics
    /// If one is no text.
    #[track_caller]
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The cookie of a name that the answer sets, as a browser sends it back.
    ///
    /// # Panics
    /// If it sets none.
    #[track_caller]
    #[must_use]
    pub fn cookie(&self, name: &str) -> String {
        let cookies = self.all("set-cookie");
        let start = format!("{name}=");
        let cookie = cookies.iter().find(|cookie| cookie.starts_with(&start));
        cookie
            .unwrap_or_else(|| panic!("no {name} in {cookies:?}"))
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    }

    /// Everything that two answers must share in order to look the same to a stranger: status,
    /// headers but the time and the number of the request, and the body.
    #[must_use]
    pub fn looks(&self) -> (u16, Vec<(String, Vec<u8>)>, Bytes) {
        let own = |name: &str| name == "date" || name == "x-request-id";
        let headers = self.headers.iter().filter(|(name, _)| !own(name.as_str()));
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        (self.status, headers.collect(), self.body.clone())
    }
}

/// What stands in a text between two others.
pub(crate) fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}"));
    rest.split_once(end).unwrap().0
}
