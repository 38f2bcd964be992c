//! Bodies of requests at the moment when it is settled whether anybody reads them.

use std::time::Duration;

use pingora::proxy::Session;

use crate::front::{Framing, Head};

/// How long the rest of a body that nobody reads is waited for, so that the client sees the answer
/// and the connection can be used again.
const DRAIN: Duration = Duration::from_secs(5);

/// Tells a client that waits for it that its body is wanted.
pub(crate) async fn invite(session: &mut Session, head: &Head) -> pingora::Result<()> {
    if head.framing == Framing::None || !head.expects_continue {
        return Ok(());
    }
    session.as_downstream_mut().write_continue_response().await
}

/// Sees to it that a body that nobody will read holds nobody up.
pub(crate) fn leave(session: &mut Session, head: &Head) {
    if head.framing == Framing::None {
        return;
    }
    if head.expects_continue {
        // it is not sent now, or it is: where the next request begins, nobody can tell
        session.set_keepalive(None);
    } else {
        session.as_downstream_mut().set_total_drain_timeout(Some(DRAIN));
    }
}
