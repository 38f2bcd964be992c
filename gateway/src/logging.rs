//! The log: one line an event, to standard error.

use tracing::{Level, Metadata};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, filter, fmt};

/// How much is said unless `VESTIBULE_LOG` says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loudness {
    /// Warnings and errors: for the demo and short verbs.
    Quiet,
    /// Lifecycle and decisions too: for a server.
    Server,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts the log. pingora logs through `log`, which is bridged here, once.
pub(crate) fn start(loudness: Loudness, format: LogFormat) {
    let default = match loudness {
        Loudness::Quiet => "warn,pingora_core=error,pingora_proxy=error",
        Loudness::Server => "info,pingora_core=warn,pingora_proxy=error,sqlx=warn,notify=warn",
    };
    let wanted =
        EnvFilter::try_from_env("VESTIBULE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(terminal).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let all = tracing_subscriber::registry().with(wanted).with(filter::filter_fn(may_be_said));
    // a second start, as in tests, changes nothing
    let _ = all.with(lines).try_init();
}

/// Libraries log whole requests, headers and statements when they are asked for details, and so
/// cookies and passwords (requirement S82). Whatever `VESTIBULE_LOG` says, they only warn.
// INVARIANT: our own crates log no secret at any level; nobody can promise that of others.
fn may_be_said(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::WARN || is_ours(metadata.target())
}

fn is_ours(target: &str) -> bool {
    target
        .strip_prefix("vestibule")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || rest.starts_with('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_crates_go_into_details() {
        for ours in ["vestibule", "vestibule::request", "vestibule_proxy::service"] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in ["hyper", "pingora_core::protocols", "log", "vestibules", "sqlx::query", ""] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
