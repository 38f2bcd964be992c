//! A client with one connection, which times every request by itself.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::children::local;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that is kept.
#[derive(Debug)]
pub(super) struct Client {
    port: u16,
    /// Whom the requests are forwarded for, as a trusted proxy says; the headers for it.
    forwarded: String,
    reader: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) set_cookies: Vec<String>,
    /// Where it leads; empty if nowhere.
    pub(super) location: String,
    /// Whether it says when to come back.
    pub(super) has_retry_after: bool,
    pub(super) body: Vec<u8>,
}

/// What a run needs of an answer's head.
#[derive(Debug, Default)]
struct Head {
    status: u16,
    length: usize,
    set_cookies: Vec<String>,
    location: String,
    has_retry_after: bool,
}

impl Client {
    pub(super) fn connect(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(local(port)).context("can't connect")?;
        stream.set_nodelay(true).context("a socket")?;
        stream.set_read_timeout(Some(TIMEOUT)).context("a socket")?;
        let reader = BufReader::with_capacity(64 * 1024, stream);
        Ok(Self { port, forwarded: String::new(), reader, line: String::new(), body: Vec::new() })
    }

    /// Speaks for somebody at another address of this machine from now on, as a trusted proxy does.
    pub(super) fn forward_for(&mut self, number: u32) {
        let [.., high, low] = number.to_be_bytes();
        self.forwarded = format!("X-Forwarded-For: 127.1.{high}.{low}\r\n");
    }

    /// The bytes of a request for a path, with a cookie.
    pub(super) fn get_request(&self, path: &str, cookie: &str) -> Vec<u8> {
        let (host, forwarded) = (local(self.port), &self.forwarded);
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{forwarded}Cookie: {cookie}\r\n\r\n")
            .into_bytes()
    }

    /// Sends a form.
    pub(super) fn post(&mut self, path: &str, cookie: &str, form: &str) -> anyhow::Result<Answer> {
        let (host, forwarded) = (local(self.port), &self.forwarded);
        let length = form.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\n{forwarded}Cookie: {cookie}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n\r\n{form}"
        );
        self.exchange(request.as_bytes())
    }

    /// Sends a request and reads the answer.
    pub(super) fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.send(request)?;
        let head = self.receive()?;
        Ok(Answer {
            status: head.status,
            set_cookies: head.set_cookies,
            location: head.location,
            has_retry_after: head.has_retry_after,
            body: std::mem::take(&mut self.body),
        })
    }

    /// Sends a request and says how long it took until the last byte was here.
    ///
    /// # Errors
    /// Also if the answer is anything but a picture: a refusal is quick, but not what is measured.
    pub(super) fn time(&mut self, request: &[u8]) -> anyhow::Result<Duration> {
        let started = Instant::now();
        self.send(request)?;
        let head = self.receive()?;
        let took = started.elapsed();
        if head.status != 200 || self.body.len() != super::nginx::BODY_BYTES {
            let line = String::from_utf8_lossy(request);
            let line = line.lines().next().unwrap_or_default();
            bail!("`{line}`: status {}, {} bytes", head.status, self.body.len());
        }
        Ok(took)
    }

    fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.reader.get_mut().write_all(request).context("a request can't be sent")
    }

    /// Reads an answer; its body stays in the buffer.
    fn receive(&mut self) -> anyhow::Result<Head> {
        let mut head = Head::default();
        loop {
            self.line.clear();
            self.reader.read_line(&mut self.line).context("there is no answer")?;
            if !self.line.ends_with('\n') {
                bail!("the connection was closed before the answer");
            }
            let line = self.line.trim_end();
            if line.is_empty() {
                break;
            }
            head.read(line)?;
        }
        self.body.resize(head.length, 0);
        self.reader.read_exact(&mut self.body).context("the body is short")?;
        Ok(head)
    }
}

impl Head {
    fn read(&mut self, line: &str) -> anyhow::Result<()> {
        let Some((name, value)) = line.split_once(':') else {
            let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
            self.status = status.with_context(|| format!("`{line}` is no status line"))?;
            return Ok(());
        };
        let value = value.trim();
        match name.len() {
            14 if name.eq_ignore_ascii_case("content-length") => {
                self.length = value.parse().with_context(|| format!("`{line}`"))?;
            }
            10 if name.eq_ignore_ascii_case("set-cookie") => {
                self.set_cookies.push(value.to_owned());
            }
            8 if name.eq_ignore_ascii_case("location") => self.location = value.to_owned(),
            11 if name.eq_ignore_ascii_case("retry-after") => self.has_retry_after = true,
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                bail!("an answer in chunks was not expected")
            }
            _ => {}
        }
        Ok(())
    }
}
