//! `vestibule demo`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{Exit, Output};
use crate::demo;
use crate::logging::{self, LogFormat, Loudness};

/// Start a gateway with a sample gallery, to look at
///
/// Needs nothing else. The pictures are painted the first time and kept; accounts and everything
/// else are temporary, and gone after Ctrl-C.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the sample gallery is kept
    #[arg(long, value_name = "DIR")]
    gallery: Option<PathBuf>,
    /// Paint small pictures, which takes a second
    #[arg(long)]
    small: bool,
}

impl Demo {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        logging::start(Loudness::Quiet, LogFormat::Text);
        let size = if self.small { demo::Size::Small } else { demo::Size::Full };
        let gallery = match self.gallery {
            Some(gallery) => gallery,
            None => demo::default_gallery(size)?,
        };
        demo::run(self.listen, &gallery, size, output)?;
        Ok(Exit::Done)
    }
}
