//! The chooser: the sites that somebody may enter.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::answer::{Failure, page};
use crate::caller::Caller;
use crate::portal::Portal;
use crate::sites::SiteCard;

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'r> {
    user: Option<&'r str>,
    sites: Vec<SiteCard>,
    contact: Option<String>,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    caller: Caller,
) -> Result<Response, Failure> {
    let who = caller.require("/_vestibule/")?;
    let bearer = portal.identity.bearer_of(who).await?;
    let sites = portal.sites.open_to(&bearer);
    let contact = portal.sites.contact();
    Ok(page(StatusCode::OK, &Home { user: caller.display_name(), sites, contact }))
}
