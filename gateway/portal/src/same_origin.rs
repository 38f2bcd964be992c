//! Whether a browser sends a form from a page of this very origin.

use http::{HeaderMap, header::ORIGIN};
use vestibule_identity::RequestOrigin;

use crate::answer::Failure;

/// Refuses what says of itself that it comes from elsewhere.
///
/// `Origin: null` says nothing: browsers send it with our own forms too, because our pages ask
/// them for no referrer. `Sec-Fetch-Site` tells those apart; browsers too old to send it are held
/// by the form's token alone.
pub(crate) fn check(origin: &RequestOrigin, headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match text("sec-fetch-site") {
        None | Some("same-origin") => {}
        Some(_) => return Err(Failure::CrossSite),
    }
    match text(ORIGIN.as_str()) {
        None | Some("null") => Ok(()),
        Some(sent) if sent.eq_ignore_ascii_case(&origin.ascii_origin()) => Ok(()),
        Some(_) => Err(Failure::CrossSite),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_headers(pairs: &[(&'static str, &'static str)]) -> bool {
        let origin = RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 1].into());
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        check(&origin, &headers).is_ok()
    }

    #[test]
    fn what_comes_from_elsewhere_is_refused() {
        assert!(check_headers(&[]));
        assert!(check_headers(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(check_headers(&[("origin", "https://photos.example.com")]));
        assert!(check_headers(&[("origin", "null")]));
        for site in ["cross-site", "same-site", "none", "", "same-origin, same-origin"] {
            assert!(!check_headers(&[("sec-fetch-site", site)]), "{site}");
        }
        for origin in [
            "http://photos.example.com",
            "https://evil.example",
            "https://photos.example.com.evil.example",
            "https://photos.example.com:8443",
            "",
        ] {
            assert!(!check_headers(&[("origin", origin)]), "{origin}");
            let same = ("sec-fetch-site", "same-origin");
            assert!(!check_headers(&[same, ("origin", origin)]), "{origin}");
        }
    }
}
