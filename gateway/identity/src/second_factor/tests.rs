//! Second factors: turning one on and off, signing in with it, and what is counted.

use std::sync::Arc;
use std::time::Duration;

use vestibule_schema::AccountRole;
use vestibule_store::{NewAccount, Store};

use super::*;
use crate::Attempt;
use crate::clock::ManualClock;
use crate::second_step::{CodeAttempt, SecondStepDone, SignInStep};
use crate::{Audience, Authentication, Credentials, Settings};

const PASSWORD: &str = "correct horse battery";
const ADDRESS: &str = "192.0.2.1";

struct Fixture {
    identity: Arc<Identity>,
    clock: Arc<ManualClock>,
}

/// Somebody's authenticator.
struct App(Secret<Vec<u8>>);

impl App {
    fn of(enrolment: &Enrolment) -> Self {
        let text = enrolment.text.expose().replace(' ', "");
        Self(Secret::new(totp_rs::Secret::try_from_base32(text).unwrap().to_vec()))
    }

    /// The code of so many steps from now.
    fn code(&self, f: &Fixture, steps: i64) -> Secret<String> {
        let time = u64::try_from(f.identity.now().seconds() + 30 * steps).unwrap();
        let totp = totp_rs::Builder::new().with_secret(self.0.expose().as_slice());
        Secret::new(totp.build_noncompliant().generate(time).to_string())
    }
}

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

fn at(address: &str) -> RequestOrigin {
    RequestOrigin::new(true, "photos.example.com", address.parse().unwrap())
}

async fn on(store: Store) -> Fixture {
    let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1_700_000_000)));
    let identity = Identity::open(store, Settings::for_tests(clock.clone())).await.unwrap();
    let f = Fixture { identity: Arc::new(identity), clock };
    let jane = NewAccount::new(name("jane"), AccountRole::default());
    f.identity.add_user(jane, Some(&PASSWORD.into())).await.unwrap();
    f
}

async fn fixture() -> Fixture {
    on(Store::open_in_memory().await.unwrap()).await
}

impl Fixture {
    async fn password(&self, address: &str, password: &str) -> Result<SignInStep, SignInError> {
        let password: Secret<String> = password.into();
        let attempt = Attempt { name: "jane", password: &password, user_agent: "test" };
        self.identity.sign_in(&at(address), &attempt).await
    }

    /// The cookie that says that a code is to follow.
    async fn first_step(&self, address: &str) -> String {
        match self.password(address, PASSWORD).await.unwrap() {
            SignInStep::CodeNeeded(cookie) => cookie.as_str().split(';').next().unwrap().to_owned(),
            SignInStep::Done(_) => panic!("a code is needed"),
        }
    }

    async fn code(
        &self,
        address: &str,
        cookie: &str,
        code: &Secret<String>,
    ) -> Result<SecondStepDone, SignInError> {
        let attempt = CodeAttempt { cookies: &[cookie], code, user_agent: "test" };
        self.identity.finish_sign_in(&at(address), &attempt).await
    }

    async fn begin(&self, who: &SignedIn) -> Enrolment {
        let proof = PASSWORD.into();
        self.identity.begin_second_factor(&at(ADDRESS), who, &proof).await.unwrap()
    }

    async fn confirm(
        &self,
        who: &SignedIn,
        enrolment: &Enrolment,
        code: &Secret<String>,
    ) -> Result<Enrolled, SecondFactorError> {
        let first = FirstCode {
            ticket: &enrolment.ticket,
            code,
            others: OtherSessions::GoOn,
            user_agent: "test",
        };
        self.identity.turn_on_second_factor(&at(ADDRESS), who, &first).await
    }

    /// Turns jane's second factor on with the code of the step before this one.
    async fn enrol(&self) -> (App, NewCodes) {
        let session = self.password(ADDRESS, PASSWORD).await.unwrap().session().unwrap();
        let enrolment = self.begin(&session.signed_in).await;
        let app = App::of(&enrolment);
        let code = app.code(self, -1);
        match self.confirm(&session.signed_in, &enrolment, &code).await.unwrap() {
            Enrolled::On(codes) => (app, codes),
            Enrolled::Again(_) => panic!("the code was right"),
        }
    }

    async fn is_signed_in(&self, session: &NewSession) -> bool {
        let cookie = session.cookie.as_str().split(';').next().unwrap();
        let credentials = Credentials { cookies: &[cookie], ..Credentials::default() };
        let who = self.identity.authenticate(&at(ADDRESS), &Audience::Portal, &credentials).await;
        matches!(who.unwrap(), Authentication::SignedIn(_))
    }
}

fn is_wrong(result: &Result<SecondStepDone, SignInError>) -> bool {
    matches!(result, Err(SignInError::WrongCode))
}

fn must_start_again(result: &Result<SecondStepDone, SignInError>) -> bool {
    matches!(result, Err(SignInError::StartAgain))
}

/// S3, S15.
#[tokio::test]
async fn a_password_and_a_code_begin_a_session_with_a_second_factor() {
    let f = fixture().await;
    let before = f.password(ADDRESS, PASSWORD).await.unwrap().session().unwrap();
    assert!(!before.signed_in.second_factor);
    let enrolment = f.begin(&before.signed_in).await;
    let app = App::of(&enrolment);
    let on = match f.confirm(&before.signed_in, &enrolment, &app.code(&f, 0)).await.unwrap() {
        Enrolled::On(codes) => codes.session,
        Enrolled::Again(_) => panic!("the code was right"),
    };
    assert!(on.signed_in.second_factor, "they have just shown one");
    assert!(!f.is_signed_in(&before).await && f.is_signed_in(&on).await, "S3");
    let cookie = f.first_step(ADDRESS).await;
    assert!(cookie.starts_with("__Host-vestibule-code="), "{cookie}");
    let sessions = f.identity.sessions(on.signed_in.account).await.unwrap();
    assert_eq!(sessions.len(), 1, "no session before the code");
    let done = f.code(ADDRESS, &cookie, &app.code(&f, 1)).await.unwrap();
    assert!(done.session.signed_in.second_factor);
    assert_eq!(done.recovery_codes_left, None);
    assert!(f.is_signed_in(&done.session).await);
    assert!(done.forget.unwrap().as_str().contains("Max-Age=0"));
    let again = f.code(ADDRESS, &cookie, &app.code(&f, 1)).await;
    assert!(must_start_again(&again), "the first step is used up");
}

/// S15: single use, one step before and after.
#[tokio::test]
async fn a_code_works_once_and_about_now() {
    let f = fixture().await;
    let (app, _) = f.enrol().await;
    let try_code = |steps: i64| {
        let (f, code) = (&f, app.code(&f, steps));
        async move {
            let cookie = f.first_step(ADDRESS).await;
            f.code(ADDRESS, &cookie, &code).await
        }
    };
    assert!(is_wrong(&try_code(-1).await), "it turned the factor on");
    for steps in [-2, 2] {
        assert!(is_wrong(&try_code(steps).await), "{steps}");
    }
    assert!(try_code(0).await.is_ok());
    assert!(is_wrong(&try_code(0).await), "replayed");
    assert!(try_code(1).await.is_ok());
    assert!(is_wrong(&try_code(0).await), "older than the last one");
    f.clock.advance(Duration::from_secs(60));
    assert!(is_wrong(&try_code(-1).await), "the same step, shown again");
    assert!(try_code(0).await.is_ok());
    let typed = app.code(&f, 1).expose().clone();
    let (start, end) = typed.split_at_checked(3).unwrap();
    let cookie = f.first_step(ADDRESS).await;
    let grouped: Secret<String> = format!(" {start} {end}").as_str().into();
    assert!(f.code(ADDRESS, &cookie, &grouped).await.is_ok(), "grouped as it is shown");
}

#[tokio::test]
async fn of_two_who_show_one_code_at_once_one_gets_in() {
    let f = fixture().await;
    let (app, _) = f.enrol().await;
    let cookies = (f.first_step(ADDRESS).await, f.first_step("192.0.2.2").await);
    let code = app.code(&f, 0);
    let (one, two) =
        tokio::join!(f.code(ADDRESS, &cookies.0, &code), f.code("192.0.2.2", &cookies.1, &code));
    assert_eq!(u8::from(one.is_ok()) + u8::from(two.is_ok()), 1);
}

/// S15: a recovery code once; the second factor stays on.
#[tokio::test]
async fn a_recovery_code_stands_in_once() {
    let f = fixture().await;
    let (app, codes) = f.enrol().await;
    assert_eq!(codes.codes.len(), 10);
    for (used, code) in codes.codes.iter().enumerate() {
        let cookie = f.first_step(ADDRESS).await;
        let done = f.code(ADDRESS, &cookie, code).await.unwrap();
        assert_eq!(done.recovery_codes_left, Some(9 - u32::try_from(used).unwrap()));
        assert!(done.session.signed_in.second_factor);
        let cookie = f.first_step(ADDRESS).await;
        assert!(is_wrong(&f.code(ADDRESS, &cookie, code).await), "twice");
        // what failed is forgiven in time
        f.clock.advance(Duration::from_secs(60));
    }
    let state = f.identity.second_factor(&codes.session.signed_in).await.unwrap();
    assert!(matches!(state, SecondFactorState::On { recovery_codes: 0, .. }), "{state:?}");
    let cookie = f.first_step(ADDRESS).await;
    assert!(f.code(ADDRESS, &cookie, &app.code(&f, 0)).await.is_ok(), "it is on all the same");
}

/// S13: passwords and codes have one counter.
#[tokio::test]
async fn wrong_codes_count_with_wrong_passwords() {
    let f = fixture().await;
    let (app, _) = f.enrol().await;
    let cookie = f.first_step("192.0.2.9").await;
    for number in 0..5 {
        let address = format!("192.0.2.{}", 100 + number);
        assert!(matches!(f.password(&address, "wrong").await, Err(SignInError::Refused)));
        let address = format!("192.0.2.{}", 200 + number);
        assert!(is_wrong(&f.code(&address, &cookie, &"000000".into()).await), "{number}");
    }
    let limited = f.code("192.0.2.9", &cookie, &app.code(&f, 0)).await;
    assert!(matches!(limited, Err(SignInError::TooMany { .. })), "{limited:?}");
    let limited = f.password("192.0.2.9", PASSWORD).await;
    assert!(matches!(limited, Err(SignInError::TooMany { .. })), "{limited:?}");
    f.clock.advance(Duration::from_secs(60));
    let done = f.code("192.0.2.9", &cookie, &app.code(&f, 0)).await;
    assert!(done.is_ok(), "who is held back may try again: {done:?}");
}

/// S13: and those of an address.
#[tokio::test]
async fn wrong_codes_count_for_their_address() {
    let f = fixture().await;
    f.enrol().await;
    let cookie = f.first_step("192.0.2.9").await;
    for _ in 0..10 {
        assert!(is_wrong(&f.code("192.0.2.9", &cookie, &"000000".into()).await));
    }
    let password: Secret<String> = PASSWORD.into();
    let attempt = Attempt { name: "nobody", password: &password, user_agent: "" };
    let limited = f.identity.sign_in(&at("192.0.2.9"), &attempt).await;
    assert!(matches!(limited, Err(SignInError::TooMany { .. })), "{limited:?}");
}

/// Six digits can be guessed by who has months: after a hundred a recovery code is needed.
#[tokio::test]
async fn a_hundred_wrong_codes_need_a_recovery_code() {
    let f = fixture().await;
    let (app, codes) = f.enrol().await;
    for _ in 0..100 {
        f.identity
            .store()
            .second_factors()
            .count_wrong(codes.session.signed_in.account)
            .await
            .unwrap();
    }
    let cookie = f.first_step(ADDRESS).await;
    assert!(is_wrong(&f.code(ADDRESS, &cookie, &app.code(&f, 0)).await));
    assert!(f.code(ADDRESS, &cookie, &codes.codes[0]).await.is_ok());
    let cookie = f.first_step(ADDRESS).await;
    assert!(f.code(ADDRESS, &cookie, &app.code(&f, 0)).await.is_ok(), "and all is as before");
}

#[tokio::test]
async fn the_first_step_lasts_five_minutes_in_one_browser() {
    let f = fixture().await;
    let (app, _) = f.enrol().await;
    let cookie = f.first_step(ADDRESS).await;
    for other in ["", "__Host-vestibule-code=", "vestibule-code=x", "__Host-vestibule-code=AAAA"] {
        assert!(must_start_again(&f.code(ADDRESS, other, &app.code(&f, 0)).await), "{other}");
    }
    let plain = cookie.replace("__Host-", "");
    assert!(must_start_again(&f.code(ADDRESS, &plain, &app.code(&f, 0)).await));
    // S9: a second cookie of the name takes nothing away
    let both = format!("__Host-vestibule-code=other; {cookie}");
    f.clock.advance(Duration::from_secs(299));
    assert!(f.code(ADDRESS, &both, &app.code(&f, 0)).await.is_ok());
    let cookie = f.first_step(ADDRESS).await;
    assert!(is_wrong(&f.code(ADDRESS, &cookie, &"000000".into()).await));
    f.clock.advance(Duration::from_secs(300));
    let late = f.code(ADDRESS, &cookie, &app.code(&f, 0)).await;
    assert!(must_start_again(&late), "a wrong code makes it no longer");
}

/// What was proved is worth nothing once the account changes.
#[tokio::test]
async fn a_change_between_the_steps_ends_the_sign_in() {
    for change in ["password", "reset", "disabled", "removed"] {
        let f = fixture().await;
        let (app, _) = f.enrol().await;
        let cookie = f.first_step(ADDRESS).await;
        let jane = name("jane");
        match change {
            "password" => {
                f.identity.set_password(&jane, &"another horse entirely".into()).await.unwrap();
            }
            "reset" => assert!(f.identity.reset_second_factor(&jane).await.unwrap()),
            "disabled" => {
                let off = vestibule_store::AccountState::Disabled;
                f.identity.set_state(&jane, off).await.unwrap();
            }
            _ => f.identity.remove_user(&jane).await.unwrap(),
        }
        let result = f.code(ADDRESS, &cookie, &app.code(&f, 0)).await;
        assert!(must_start_again(&result), "{change} {result:?}");
    }
}

#[tokio::test]
async fn turning_it_on_needs_the_password_and_a_first_code() {
    let f = fixture().await;
    let session = f.password(ADDRESS, PASSWORD).await.unwrap().session().unwrap();
    let who = &session.signed_in;
    let wrong = "wrong".into();
    let refused = f.identity.begin_second_factor(&at(ADDRESS), who, &wrong).await;
    assert!(matches!(refused, Err(SecondFactorError::Proof(SignInError::Refused))));
    let enrolment = f.begin(who).await;
    let app = App::of(&enrolment);
    assert!(f.password(ADDRESS, PASSWORD).await.unwrap().session().is_some(), "nothing is on yet");
    let again = match f.confirm(who, &enrolment, &"000000".into()).await.unwrap() {
        Enrolled::Again(again) => again,
        Enrolled::On(_) => panic!("the code was wrong"),
    };
    assert_eq!(again.text.expose(), enrolment.text.expose(), "the same secret");
    // not from another session
    let other = f.password(ADDRESS, PASSWORD).await.unwrap().session().unwrap();
    let stolen = f.confirm(&other.signed_in, &again, &app.code(&f, 0)).await;
    assert!(matches!(stolen, Err(SecondFactorError::TooLate)), "{stolen:?}");
    let enrolment = f.begin(who).await;
    f.clock.advance(Duration::from_secs(600));
    let late = f.confirm(who, &enrolment, &App::of(&enrolment).code(&f, 0)).await;
    assert!(matches!(late, Err(SecondFactorError::TooLate)), "{late:?}");
    assert_eq!(f.identity.second_factor(who).await.unwrap(), SecondFactorState::Off);
    f.enrol().await;
    let proof = PASSWORD.into();
    let twice = f.identity.begin_second_factor(&at(ADDRESS), &other.signed_in, &proof).await;
    assert!(matches!(twice, Err(SecondFactorError::IsOn)), "{twice:?}");
}

/// ASVS 7.4.3, S3, S6.
#[tokio::test]
async fn a_change_ends_the_other_sessions_if_asked() {
    for others in [OtherSessions::GoOn, OtherSessions::End] {
        let f = fixture().await;
        let here = f.password(ADDRESS, PASSWORD).await.unwrap().session().unwrap();
        let there = f.password(ADDRESS, PASSWORD).await.unwrap().session().unwrap();
        let enrolment = f.begin(&here.signed_in).await;
        let code = App::of(&enrolment).code(&f, 0);
        let ticket = &enrolment.ticket;
        let first = FirstCode { ticket, code: &code, others, user_agent: "" };
        let who = &here.signed_in;
        let done = f.identity.turn_on_second_factor(&at(ADDRESS), who, &first).await.unwrap();
        let Enrolled::On(NewCodes { codes, session }) = done else { panic!("the code was right") };
        assert!(!f.is_signed_in(&here).await, "the token of before is dead");
        assert!(f.is_signed_in(&session).await);
        assert_eq!(f.is_signed_in(&there).await, others == OtherSessions::GoOn);
        let change =
            FactorChange { password: &PASSWORD.into(), code: &codes[0], others, user_agent: "" };
        let (origin, who) = (at(ADDRESS), &session.signed_in);
        let next = f.identity.turn_off_second_factor(&origin, who, &change);
        let next = next.await.unwrap();
        assert!(!next.signed_in.second_factor, "nothing stands on it any more");
        assert!(!f.is_signed_in(&session).await && f.is_signed_in(&next).await);
        assert!(f.password(ADDRESS, PASSWORD).await.unwrap().session().is_some());
    }
}

#[tokio::test]
async fn turning_it_off_needs_both() {
    let f = fixture().await;
    let (app, on) = f.enrol().await;
    let who = &on.session.signed_in;
    let off = |password: &str, code: Secret<String>| {
        let (f, password): (&Fixture, Secret<String>) = (&f, password.into());
        let who = who.clone();
        async move {
            let others = OtherSessions::GoOn;
            let change = FactorChange { password: &password, code: &code, others, user_agent: "" };
            f.identity.turn_off_second_factor(&at(ADDRESS), &who, &change).await
        }
    };
    let refused = off("wrong", app.code(&f, 0)).await;
    assert!(matches!(refused, Err(SecondFactorError::Proof(SignInError::Refused))));
    let refused = off(PASSWORD, "000000".into()).await;
    assert!(matches!(refused, Err(SecondFactorError::Proof(SignInError::WrongCode))));
    assert!(off(PASSWORD, app.code(&f, 0)).await.is_ok(), "a wrong password used no code up");
    let off_again = off(PASSWORD, app.code(&f, 1)).await;
    assert!(matches!(off_again, Err(SecondFactorError::IsOff)), "{off_again:?}");
}

#[tokio::test]
async fn new_recovery_codes_replace_the_old_ones() {
    let f = fixture().await;
    let (app, on) = f.enrol().await;
    let change = FactorChange {
        password: &PASSWORD.into(),
        code: &app.code(&f, 0),
        others: OtherSessions::GoOn,
        user_agent: "",
    };
    let who = &on.session.signed_in;
    let new = f.identity.renew_recovery_codes(&at(ADDRESS), who, &change).await.unwrap();
    assert!(!f.is_signed_in(&on.session).await && f.is_signed_in(&new.session).await, "S3");
    let cookie = f.first_step(ADDRESS).await;
    assert!(is_wrong(&f.code(ADDRESS, &cookie, &on.codes[0]).await));
    assert_eq!(f.code(ADDRESS, &cookie, &new.codes[0]).await.unwrap().recovery_codes_left, Some(9));
}

/// S6: whoever lost everything is helped by the administrator.
#[tokio::test]
async fn a_reset_ends_the_sessions_and_the_need_for_a_code() {
    let f = fixture().await;
    let (_, on) = f.enrol().await;
    assert!(f.identity.has_second_factor(&name("jane")).await.unwrap());
    assert!(f.identity.reset_second_factor(&name("JANE")).await.unwrap());
    assert!(!f.is_signed_in(&on.session).await);
    assert!(f.password(ADDRESS, PASSWORD).await.unwrap().session().is_some());
    assert!(!f.identity.reset_second_factor(&name("jane")).await.unwrap(), "it is off");
    assert!(f.identity.reset_second_factor(&name("nobody")).await.is_err());
}

/// S15: encrypted at rest, hashed; S84: in no `Debug`.
#[tokio::test]
async fn the_database_and_debug_hold_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let f = on(Store::open(&folder.path().join("vestibule.db")).await.unwrap()).await;
    let session = f.password(ADDRESS, PASSWORD).await.unwrap().session().unwrap();
    let enrolment = f.begin(&session.signed_in).await;
    let app = App::of(&enrolment);
    let files = |folder: &std::path::Path| {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.flat_map(|file| std::fs::read(file).unwrap()).collect::<Vec<u8>>()
    };
    let begun = files(folder.path());
    let code = app.code(&f, 0);
    let Enrolled::On(on) = f.confirm(&session.signed_in, &enrolment, &code).await.unwrap() else {
        panic!("the code was right")
    };
    let cookie = f.first_step(ADDRESS).await;
    let kept = [begun, files(folder.path())].concat();
    let holds = |part: &[u8]| kept.windows(part.len()).any(|window| window == part);
    assert!(holds(b"jane"), "the search finds what is there");
    let text = enrolment.text.expose().replace(' ', "");
    let base64 = STANDARD.encode(app.0.expose());
    let ticket = cookie.split('=').nth(1).unwrap();
    for part in [app.0.expose().as_slice(), text.as_bytes(), base64.as_bytes()] {
        assert!(!holds(part));
    }
    for part in [ticket, enrolment.ticket.expose(), enrolment.address.expose()] {
        assert!(!holds(part.as_bytes()), "{part}");
    }
    for code in &on.codes {
        assert!(!holds(code.expose().as_bytes()));
        assert!(!holds(code.expose().replace('-', "").as_bytes()));
    }
    let debug = format!("{enrolment:?} {on:?} {:?}", SignInStep::Done(on.session.clone()));
    for part in [text.as_str(), enrolment.address.expose(), on.codes[0].expose()] {
        assert!(!debug.contains(part), "{debug}");
    }
}
