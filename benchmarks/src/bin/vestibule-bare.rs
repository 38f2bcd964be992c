//! The baseline `bare`: pingora with the gateway's allocator and settings, and nothing else. It
//! asks nobody who they are, decides nothing and lets every header pass.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use clap::Parser;
use pingora::modules::http::HttpModules;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};

// the same as the gateway's
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A proxy without a gateway, to measure the gateway against
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen
    #[arg(long)]
    listen: SocketAddr,
    /// Where requests go
    #[arg(long)]
    upstream: SocketAddr,
}

struct Bare {
    peer: HttpPeer,
}

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        _context: &mut (),
    ) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(self.peer.clone()))
    }
}

fn main() {
    let arguments = Arguments::parse();
    // as in the gateway's `server` and `balance`
    let configuration = ServerConf {
        threads: 1,
        upstream_keepalive_pool_size: 1024,
        grace_period_seconds: Some(1),
        graceful_shutdown_timeout_seconds: Some(1),
        max_retries: 4,
        ..ServerConf::default()
    };
    let mut peer = HttpPeer::new(arguments.upstream, false, String::new());
    peer.options.connection_timeout = Some(Duration::from_secs(5));
    peer.options.total_connection_timeout = Some(Duration::from_secs(10));
    peer.options.read_timeout = Some(Duration::from_secs(60));
    peer.options.write_timeout = Some(Duration::from_secs(60));
    peer.options.idle_timeout = Some(Duration::from_secs(60));
    peer.options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
    let mut server = Server::new_with_opt_and_conf(None, configuration);
    let mut service = http_proxy_service(&server.configuration, Bare { peer });
    service.add_tcp(&arguments.listen.to_string());
    server.add_service(service);
    server.bootstrap();
    server.run(RunArgs::default());
}
