//! A tunnel of our own for connections that become a WebSocket.
//!
//! pingora's loses one now and then: where a gallery server agrees before pingora has noted that
//! the request has no body, it takes that for the end of the tunnel (0.9.1). This one opens only when the gallery server
//! has agreed to exactly this handshake: before that no byte of the client is even read, so that
//! nothing can be smuggled behind the request's head (CVE-2026-2833, requirement S59). It ends
//! when either side does, when nothing moves for too long, and, as anything that takes its time
//! (`guard`), when the request that opened it would no longer be let through.

mod handshake;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::StatusCode;
use pingora::http::ResponseHeader;
use pingora::protocols::http::HttpTask;
use pingora::protocols::http::v1::client::HttpSession as Upstream;
use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;

use crate::exchange::Exchange;
use crate::forward::REQUEST_ID;
use crate::gateway::Gateway;
use crate::guard;
use crate::refuse::Refusal;
pub(crate) use handshake::Handshake;

/// How many answers of its may come before the one that counts.
const INTERIM: usize = 8;

/// How much is read at a time, in bytes.
const PIECE: usize = 16 * 1024;
/// How many such pieces may wait in either direction.
const PIECES: usize = 4;
/// How long a gallery server may take none of them.
const STALLED: Duration = Duration::from_secs(30);

/// How long a tunnel may last.
#[derive(Debug, Clone, Copy)]
pub struct TunnelLimits {
    /// How long a gallery server may take to agree: ten seconds.
    pub agree: Duration,
    /// How long nothing may move: ten minutes. Whoever means to stay sends a ping.
    pub idle: Duration,
}

impl Default for TunnelLimits {
    fn default() -> Self {
        Self { agree: Duration::from_secs(10), idle: Duration::from_secs(600) }
    }
}

/// Why a tunnel ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Client,
    Server,
    Idle,
}

/// Opens the tunnel that an exchange was permitted, and runs it to its end.
///
/// # Errors
/// The refusal, if the gallery server doesn't agree: nothing was sent to the client then.
pub(crate) async fn run(
    gateway: &Arc<Gateway>,
    session: &mut Session,
    exchange: &mut Exchange,
    handshake: &Handshake,
) -> Result<(), Refusal> {
    let opening = open(gateway, session, exchange, handshake);
    let opened = tokio::time::timeout(gateway.tunnels.agree, opening).await;
    let (server, answer) = opened.unwrap_or(Err(Refusal::GatewayTimeout))?;
    guard::watch(gateway, session, exchange).map_err(|_| Refusal::Internal)?;
    exchange.under_way = answer.status.as_u16();
    // silence is limited for both directions together
    session.as_downstream_mut().set_read_timeout(None);
    let begun = session.as_downstream_mut().write_response_header(Box::new(answer)).await;
    if begun.is_ok() {
        let end = relay(session, server, gateway.tunnels.idle).await;
        tracing::debug!(request_id = %exchange.id, ?end, "a tunnel has ended");
    }
    Ok(())
}

/// Asks the gallery servers in turn until one can be reached, and waits for its word.
async fn open(
    gateway: &Gateway,
    session: &Session,
    exchange: &Exchange,
    handshake: &Handshake,
) -> Result<(Upstream, ResponseHeader), Refusal> {
    let (forwarding, head) = exchange.forwarding().map_err(|_| Refusal::Internal)?;
    let internal = |error: &dyn std::fmt::Display| {
        tracing::error!(request_id = %exchange.id, error = %error, "a WebSocket is not asked for");
        Refusal::Internal
    };
    let mut request = forwarding
        .request(&session.req_header().headers, head, exchange.id)
        .map_err(|error| internal(&error))?;
    handshake.ask(&mut request).map_err(|error| internal(&error))?;
    let servers = &forwarding.site().upstreams;
    let mut reached = Err(Refusal::BadGateway);
    for _ in 0..servers.len() {
        let Some(peer) = servers.take() else { break };
        reached = dial(gateway, peer).await;
        if reached.is_ok() {
            break;
        }
    }
    let mut upstream = reached?;
    let failed = |error: Box<pingora::Error>| {
        tracing::warn!(request_id = %exchange.id, error = %error, "no answer to a WebSocket");
        Refusal::BadGateway
    };
    upstream.write_request_header(Box::new(request)).await.map_err(failed)?;
    for _ in 0..INTERIM {
        upstream.read_response().await.map_err(failed)?;
        let Some(answer) = upstream.resp_header() else { break };
        if answer.status == StatusCode::SWITCHING_PROTOCOLS || !answer.status.is_informational() {
            break;
        }
    }
    let answer = upstream.resp_header().ok_or(Refusal::BadGateway)?;
    match handshake.answer(answer) {
        Some(Ok(mut answer)) => {
            answer
                .insert_header(REQUEST_ID, exchange.id.header_value())
                .map_err(|error| internal(&error))?;
            Ok((upstream, answer))
        }
        Some(Err(error)) => Err(internal(&error)),
        None if answer.status == StatusCode::NOT_FOUND => Err(exchange.not_there()),
        None => {
            let status = answer.status.as_u16();
            tracing::warn!(request_id = %exchange.id, status, "a WebSocket is not agreed to");
            Err(Refusal::BadGateway)
        }
    }
}

async fn dial(gateway: &Gateway, peer: &HttpPeer) -> Result<Upstream, Refusal> {
    let stream = gateway.dialler().new_stream(peer).await.map_err(|error| {
        tracing::warn!(error = %error, "a gallery server can't be reached");
        Refusal::BadGateway
    })?;
    let mut upstream = Upstream::new_with_options(stream, peer);
    upstream.write_timeout = peer.options.write_timeout;
    Ok(upstream)
}

/// Carries bytes both ways until something ends it.
async fn relay(session: &mut Session, server: Upstream, idle: Duration) -> End {
    let (to_server, mut from_server, _pumps) = pumps(server);
    let client = session.as_downstream_mut();
    loop {
        tokio::select! {
            said = client.read_request_body(), if to_server.capacity() > 0 => match said {
                Ok(Some(bytes)) => if to_server.try_send(bytes).is_err() {
                    return End::Server;
                },
                Ok(None) | Err(_) => return End::Client,
            },
            room = to_server.reserve(), if to_server.capacity() == 0 => if room.is_err() {
                return End::Server;
            },
            answered = from_server.recv() => match answered {
                Some(bytes) => {
                    let task = vec![HttpTask::UpgradedBody(Some(bytes), false)];
                    if client.response_duplex_vec(task).await.is_err() {
                        return End::Client;
                    }
                }
                None => return End::Server,
            },
            () = tokio::time::sleep(idle) => return End::Idle,
        }
    }
}

/// The gallery server's side: what is sent to it, what comes from it, and what carries both, each
/// for itself, so that neither waits for the other.
fn pumps(mut server: Upstream) -> (Sender<Bytes>, Receiver<Bytes>, JoinSet<()>) {
    let (to_server, mut said) = mpsc::channel::<Bytes>(PIECES);
    let (answers, from_server) = mpsc::channel::<Bytes>(PIECES);
    let mut early = Vec::new();
    // what came together with the head
    while let Some(Ok(Some(bytes))) = server.read_body_bytes().now_or_never() {
        early.push(bytes);
    }
    let (mut reader, mut writer) = tokio::io::split(server.into_inner());
    let mut pumps = JoinSet::new();
    pumps.spawn(async move {
        while let Some(bytes) = said.recv().await {
            let sent = async {
                writer.write_all(&bytes).await?;
                writer.flush().await
            };
            if !matches!(tokio::time::timeout(STALLED, sent).await, Ok(Ok(()))) {
                return;
            }
        }
    });
    pumps.spawn(async move {
        for bytes in early {
            if answers.send(bytes).await.is_err() {
                return;
            }
        }
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(PIECE);
            match reader.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) if answers.send(buffer.split().freeze()).await.is_err() => return,
                Ok(_) => {}
            }
        }
    });
    (to_server, from_server, pumps)
}
