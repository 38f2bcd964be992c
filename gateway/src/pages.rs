//! The proxy's refusals as the portal's pages. Proxy and portal don't know each other.

use vestibule_portal::{FolderEntry, RefusalPage, folders_page, refusal_page, sign_in_first_page};
use vestibule_proxy::{Refusal, RefusalPages};

/// The portal's pages.
#[derive(Debug)]
pub(crate) struct PortalPages;

impl RefusalPages for PortalPages {
    fn page(&self, refusal: &Refusal) -> String {
        let kind = match refusal {
            Refusal::Folders(folders) => {
                let entries = folders.iter().map(|folder| FolderEntry {
                    name: folder.name.clone(),
                    href: folder.href.clone(),
                });
                return folders_page(&entries.collect::<Vec<_>>());
            }
            Refusal::BadRequest
            | Refusal::TargetTooLong
            | Refusal::HeadTooLarge
            | Refusal::BodyTooLarge
            | Refusal::NoUpgrade
            | Refusal::ForeignOrigin => RefusalPage::BadRequest,
            Refusal::UnknownHost => RefusalPage::SiteUnknown,
            Refusal::NotFound | Refusal::Elsewhere { .. } | Refusal::Moved { .. } => {
                RefusalPage::NotFound
            }
            Refusal::MethodNotAllowed { .. } => RefusalPage::MethodNotAllowed,
            Refusal::SignIn { back } | Refusal::Unauthorized { back, .. } => {
                return sign_in_first_page(&Refusal::sign_in_address(back));
            }
            Refusal::WrongCredential { .. } => RefusalPage::WrongCredential,
            Refusal::Forbidden { missing } => RefusalPage::Forbidden { action: *missing },
            Refusal::OutOfBounds => RefusalPage::OutOfBounds,
            Refusal::TooManyAttempts { .. } => RefusalPage::TooManyAttempts,
            Refusal::Closed | Refusal::Unavailable => RefusalPage::Unavailable,
            Refusal::BadGateway => RefusalPage::BadGateway,
            Refusal::GatewayTimeout => RefusalPage::GatewayTimeout,
            Refusal::Internal => RefusalPage::Internal,
        };
        refusal_page(kind)
    }
}
