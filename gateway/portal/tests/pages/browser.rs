//! A gateway without a network, and a browser that keeps cookies.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;
use vestibule_identity::{
    Audience, Credentials, Identity, ManualClock, RequestOrigin, Settings, UnixTime,
};
use vestibule_policies::Principal;
use vestibule_policies::principal::Share;
use vestibule_portal::{Portal, SiteCard, SitePlace, Sites, router};
use vestibule_schema::{AccountRole, GalleryPath, SiteId, UserName};
use vestibule_store::{NewAccount, Store};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Sites that do not change.
#[derive(Debug, Default, Clone)]
pub(crate) struct Fixed {
    pub(crate) sites: Vec<(SiteId, SitePlace)>,
    pub(crate) contact: Option<String>,
    pub(crate) portal: Option<String>,
}

impl Fixed {
    /// These sites: a name, and a path or an origin.
    pub(crate) fn sites(sites: &[(&str, &str)]) -> Self {
        let place = |place: &str| match place.strip_suffix('/') {
            Some(base) => SitePlace { origins: Vec::new(), base: base.to_owned() },
            None => SitePlace { origins: vec![place.to_owned()], base: String::new() },
        };
        let site = |(name, at): &(&str, &str)| (SiteId::parse(name).unwrap(), place(at));
        Self { sites: sites.iter().map(site).collect(), ..Self::default() }
    }
}

impl Sites for Fixed {
    fn open_to(&self, principal: &Principal) -> Vec<SiteCard> {
        let open = self.sites.iter().filter(|(id, _)| self.admission(id, principal).is_some());
        open.map(|(id, _)| SiteCard { id: id.clone(), name: format!("<{id}>") }).collect()
    }

    fn admission(&self, site: &SiteId, principal: &Principal) -> Option<String> {
        let is_open = principal.is_signed_in() && site.as_str() != "closed";
        is_open.then(|| "viewer, by a grant".to_owned())
    }

    fn place(&self, site: &SiteId) -> Option<SitePlace> {
        self.sites.iter().find(|(id, _)| id == site).map(|(_, place)| place.clone())
    }

    fn site_at(&self, authority: &str, path: &str) -> Option<SiteId> {
        let is_at = |place: &SitePlace| {
            let here = format!("https://{authority}");
            place.origins.contains(&here)
                || (!place.base.is_empty() && path.starts_with(&format!("{}/", place.base)))
        };
        self.sites.iter().find(|(_, place)| is_at(place)).map(|(id, _)| id.clone())
    }

    fn gives(&self, share: &Share) -> bool {
        share.maker.user_name().is_some_and(|name| name.as_str() == "jane")
    }

    fn page(&self, site: &SiteId, of: &GalleryPath) -> Option<String> {
        Some(format!("{}/browse{of}", self.place(site)?.base))
    }

    fn portal(&self) -> Option<String> {
        self.portal.clone()
    }

    fn contact(&self) -> Option<String> {
        self.contact.clone()
    }
}

/// A gateway and one browser that keeps cookies.
pub(crate) struct Browser {
    pub(crate) identity: Arc<Identity>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) router: axum::Router,
    pub(crate) origin: RequestOrigin,
    pub(crate) audience: Audience,
    pub(crate) cookies: Vec<(String, String)>,
}

pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Page {
    pub(crate) fn location(&self) -> Option<&str> {
        self.headers.get(header::LOCATION).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn token(&self) -> &str {
        let mark = "name=\"form_token\" value=\"";
        let start = self.body.find(mark).expect("a form with a token") + mark.len();
        self.body[start..].split('"').next().unwrap()
    }
}

impl Browser {
    pub(crate) async fn new() -> Self {
        Self::with(Fixed::default()).await
    }

    pub(crate) async fn with(sites: Fixed) -> Self {
        let browser = Self::without_accounts(sites).await;
        for name in ["jane", "<b>mark</b>"] {
            let role = AccountRole::parse("user").unwrap();
            let account = NewAccount::new(UserName::parse(name).unwrap(), role);
            browser.identity.add_user(account, Some(&PASSWORD.into())).await.unwrap();
        }
        browser
    }

    /// At a gateway where nobody has an account yet.
    pub(crate) async fn empty() -> Self {
        Self::without_accounts(Fixed::default()).await
    }

    async fn without_accounts(sites: Fixed) -> Self {
        let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1_700_000_000)));
        let store = Store::open_in_memory().await.unwrap();
        let settings = Settings::for_tests(clock.clone());
        let identity = Arc::new(Identity::open(store, settings).await.unwrap());
        let portal = Portal::open(identity.clone(), Arc::new(sites)).await.unwrap();
        let origin = RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 1].into());
        Self {
            identity,
            clock,
            router: router(portal),
            origin,
            audience: Audience::Portal,
            cookies: Vec::new(),
        }
    }

    /// Another browser at the same gateway.
    pub(crate) fn another(&self) -> Self {
        Self {
            identity: self.identity.clone(),
            clock: self.clock.clone(),
            router: self.router.clone(),
            origin: self.origin.clone(),
            audience: self.audience.clone(),
            cookies: Vec::new(),
        }
    }

    fn cookie_header(&self) -> String {
        let pairs: Vec<_> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        pairs.join("; ")
    }

    pub(crate) async fn send(&mut self, mut request: Request<Body>) -> Page {
        let cookies = self.cookie_header();
        if !cookies.is_empty() {
            request.headers_mut().insert(header::COOKIE, cookies.parse().unwrap());
        }
        let credentials = Credentials { cookies: &[&cookies], ..Credentials::default() };
        let who = self.identity.authenticate(&self.origin, &self.audience, &credentials);
        let who = who.await.unwrap();
        request.extensions_mut().insert(self.origin.clone());
        request.extensions_mut().insert(self.audience.clone());
        request.extensions_mut().insert(who);
        let page = read(self.router.clone().oneshot(request).await.unwrap()).await;
        for cookie in page.headers.get_all(header::SET_COOKIE) {
            let (pair, rest) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !rest.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        page
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.send(post_request(path, fields)).await
    }

    pub(crate) async fn sign_in(&mut self, name: &str) -> Page {
        let token = self.get("/_vestibule/sign-in").await.token().to_owned();
        let fields = [("form_token", &*token), ("name", name), ("password", PASSWORD)];
        self.post("/_vestibule/sign-in", &fields).await
    }

    pub(crate) async fn is_signed_in(&mut self) -> bool {
        self.get("/_vestibule/account").await.status == StatusCode::OK
    }
}

pub(crate) fn post_request(path: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let mut body = String::new();
    for (name, value) in fields {
        let encoded: String =
            value.bytes().map(|b| format!("%{b:02X}")).collect::<Vec<_>>().concat();
        body.push_str(&format!("{name}={encoded}&"));
    }
    Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .unwrap()
}

async fn read(response: Response) -> Page {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Page { status: parts.status, headers: parts.headers, body }
}
