//! Somebody's authenticator: it knows the secret, and shows the codes of the hour.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::client::{Client, Reply, between};

/// Where a second factor is set up.
const OVERVIEW: &str = "/_vestibule/account/second-factor";

/// A secret, and what the gateway gave with it.
#[derive(Debug)]
pub struct Authenticator {
    /// The secret, in groups of four.
    pub secret: String,
    /// The recovery codes.
    pub recovery_codes: Vec<String>,
}

impl Authenticator {
    /// The code of now, or of so many steps later. Each works once, and none that is older: whoever
    /// needs two in a row takes the second one of the next step, which counts already.
    ///
    /// # Panics
    /// If the secret is none.
    #[must_use]
    pub fn code(&self, steps: u64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let secret = totp_rs::Secret::try_from_base32(self.secret.replace(' ', "")).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).build_noncompliant();
        totp.generate(now + 30 * steps).to_string()
    }
}

impl Client {
    /// Turns on the second factor of who is signed in here, with the code of now.
    ///
    /// # Panics
    /// If that is refused.
    pub async fn turn_on_second_factor(&self, password: &str) -> Authenticator {
        let begin = format!("{OVERVIEW}/begin");
        let page = self.submit(OVERVIEW, &begin, &[("password", password)]).await.expect(200);
        let secret = between(page.text(), "<p class=\"secret\"><code>", "</code>").to_owned();
        let ticket = between(page.text(), "name=\"ticket\" value=\"", "\"").to_owned();
        let mut authenticator = Authenticator { secret, recovery_codes: Vec::new() };
        let code = authenticator.code(0);
        let confirm = format!("{OVERVIEW}/confirm");
        let fields = [("ticket", ticket.as_str()), ("code", code.as_str())];
        let page = self.submit(OVERVIEW, &confirm, &fields).await.expect(200);
        let codes = page.text().split("<li><code>").skip(1);
        let codes = codes.map(|rest| rest.split('<').next().unwrap_or_default().to_owned());
        authenticator.recovery_codes = codes.collect();
        authenticator
    }

    /// Tries a code, after a password that was right.
    pub async fn try_code(&self, code: &str) -> Reply {
        let page = "/_vestibule/sign-in/code";
        self.submit(page, page, &[("code", code)]).await
    }
}
