//! Pages instead of what was asked for.

use askama::Template;
use http::StatusCode;
use vestibule_schema::Action;

/// Why somebody sees another page than the one they asked for.
///
/// No variant holds anything of the request: a page of one kind has the same bytes for everybody
/// and every path, so that nobody learns from it whether a thing exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalPage {
    /// The request can't be read in one way only (400).
    BadRequest,
    /// A credential is wrong (401).
    WrongCredential,
    /// Somebody sees the thing, but lacks this for what they want of it (403).
    Forbidden {
        /// What is missing.
        action: Action,
    },
    /// The app password is not good for it (403).
    OutOfBounds,
    /// Too many wrong passwords were sent (429).
    TooManyAttempts,
    /// A form that this page did not make for this session, or too long ago (403).
    OldForm,
    /// It is not there, or not for them (404).
    NotFound,
    /// Nothing can be done so with it (405).
    MethodNotAllowed,
    /// No site has this host's name (421).
    SiteUnknown,
    /// Something is wrong within (500).
    Internal,
    /// The gallery behind does not answer as it should (502).
    BadGateway,
    /// It is not known who they are, or the policies can't be read (503).
    Unavailable,
    /// The gallery behind takes too long (504).
    GatewayTimeout,
}

impl RefusalPage {
    /// The status that goes with the page.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::WrongCredential => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. } | Self::OutOfBounds | Self::OldForm => StatusCode::FORBIDDEN,
            Self::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::SiteUnknown => StatusCode::MISDIRECTED_REQUEST,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::BadGateway => StatusCode::BAD_GATEWAY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::BadRequest => (
                "This address can’t be read",
                "It can be understood in more than one way, so it was not followed. Go to the \
                 start page and find your way from there.",
            ),
            Self::WrongCredential => (
                "Wrong credentials",
                "The user name, password or token that was sent is not valid here.",
            ),
            Self::Forbidden { .. } => (
                "Not permitted",
                "You may see this, but not do that with it. Ask whoever runs this gallery if you \
                 need to.",
            ),
            Self::OutOfBounds => (
                "Not with this app password",
                "Its owner made it for less than this. They may make another on their account page.",
            ),
            Self::TooManyAttempts => (
                "Too many attempts",
                "Too many wrong passwords came from here. Wait a while, and look whether some \
                 program knows an old one.",
            ),
            Self::OldForm => (
                "This form is too old",
                "You signed in or out since the page was opened, or it did not come from here. \
                 Nothing was changed. Go back, reload the page and try again.",
            ),
            Self::NotFound => ("Not found", "There is nothing here, or nothing that you may see."),
            Self::MethodNotAllowed => {
                ("Not possible", "Nothing can be done with this in that way.")
            }
            Self::SiteUnknown => (
                "No gallery here",
                "No gallery has this name. Check the address for a typing mistake.",
            ),
            Self::Internal => (
                "Something went wrong",
                "It is not your fault, and nothing was shown or changed. Whoever runs this gallery \
                 finds the reason in the log.",
            ),
            Self::BadGateway => (
                "The gallery does not answer",
                "You are let through, but the gallery behind does not answer. Try again in a \
                 moment.",
            ),
            Self::Unavailable => (
                "Closed for a moment",
                "It can’t be told at this moment who may see what, so nobody sees anything. Try \
                 again in a moment.",
            ),
            Self::GatewayTimeout => (
                "The gallery takes too long",
                "You are let through, but the gallery behind did not answer in time. Try again in \
                 a moment.",
            ),
        }
    }

    const fn missing(self) -> Option<&'static str> {
        match self {
            Self::Forbidden { action } => Some(action.name()),
            Self::BadRequest
            | Self::WrongCredential
            | Self::OutOfBounds
            | Self::TooManyAttempts
            | Self::OldForm
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::SiteUnknown
            | Self::Internal
            | Self::BadGateway
            | Self::Unavailable
            | Self::GatewayTimeout => None,
        }
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct Page<'a> {
    code: u16,
    title: &'static str,
    text: &'static str,
    missing: Option<&'static str>,
    user: Option<&'static str>,
    /// Where the way goes on, and what it is called.
    way: Option<(&'a str, &'static str)>,
}

impl Page<'_> {
    fn html(&self) -> String {
        // a template that only writes into memory does not fail; should it, less is said
        let title = self.title;
        self.render().unwrap_or_else(|_| format!("<!doctype html><title>{title}</title>{title}"))
    }
}

/// The page of a refusal, as HTML. To be sent with its status and [`crate::PAGE_HEADERS`].
#[must_use]
pub fn refusal_page(kind: RefusalPage) -> String {
    let (title, text) = kind.words();
    let code = kind.status().as_u16();
    // the portal's page is open to everybody, also to who may see nothing; where no gallery is,
    // there is no portal either
    let way = (kind != RefusalPage::SiteUnknown).then_some(("/_vestibule/", "Start page"));
    Page { code, title, text, missing: kind.missing(), user: None, way }.html()
}

/// The page for a visitor who must sign in for what they asked, as HTML, with status 401. It
/// leads to `sign_in`, an address that knows the way back.
#[must_use]
pub fn sign_in_first_page(sign_in: &str) -> String {
    let page = Page {
        code: StatusCode::UNAUTHORIZED.as_u16(),
        title: "Please sign in",
        text: "This is for people who have signed in.",
        missing: None,
        user: None,
        way: Some((sign_in, "Sign in")),
    };
    page.html()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_permission_is_named_and_nothing_else() {
        let page = refusal_page(RefusalPage::Forbidden { action: Action::DownloadOriginal });
        assert!(page.contains("<code>download_original</code>"));
        let page = refusal_page(RefusalPage::NotFound);
        assert!(page.contains("Not found") && !page.contains("Missing permission"));
        assert_eq!(page, refusal_page(RefusalPage::NotFound), "the same bytes for everybody");
    }

    #[test]
    fn who_must_sign_in_is_led_there() {
        let page = sign_in_first_page("/_vestibule/sign-in?return=%2Fzip%2Fa%2F");
        assert!(page.contains(r#"href="/_vestibule/sign-in?return=%2Fzip%2Fa%2F""#), "{page}");
        assert!(page.contains("Please sign in") && page.contains(">401</p>"), "{page}");
    }

    #[test]
    fn every_page_is_whole() {
        for kind in [
            RefusalPage::BadRequest,
            RefusalPage::WrongCredential,
            RefusalPage::OldForm,
            RefusalPage::NotFound,
            RefusalPage::MethodNotAllowed,
            RefusalPage::SiteUnknown,
            RefusalPage::Internal,
            RefusalPage::BadGateway,
            RefusalPage::Unavailable,
            RefusalPage::GatewayTimeout,
        ] {
            let page = refusal_page(kind);
            assert!(page.trim_end().ends_with("</html>"), "{kind:?}");
            assert!(page.contains(&format!(">{}</p>", kind.status().as_u16())), "{kind:?}");
            assert!(page.contains(kind.words().0), "{kind:?}");
        }
    }
}
