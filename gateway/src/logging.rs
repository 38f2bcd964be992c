//! The log: one line an event, to standard error.

use tracing_subscriber::EnvFilter;

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
    let filter =
        EnvFilter::try_from_env("VESTIBULE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // a second start, as in tests, changes nothing
    let _ = match format {
        LogFormat::Text => lines.with_ansi(terminal).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
