//! A server under test and a client that sees every byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mcpist::http::{
    Admitted, Answer, Exchange, Limits, Request, Response, Server, Service, Shutdown,
};

/// Long enough that only a fault reaches it.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A service from a function.
struct Function<F>(F);

impl<F> Service for Function<F>
where
    F: Fn(&Request, &mut Exchange<'_>) -> Answer + Send + Sync + 'static,
{
    fn admit<'s>(&'s self, _: &Request) -> Result<Admitted<'s>, Response> {
        Ok(Admitted::caller(|request, exchange| self.0(request, exchange)))
    }
}

/// A server on a free port, which is ended at once when this is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start<F>(limits: Limits, handler: F) -> Running
    where
        F: Fn(&Request, &mut Exchange<'_>) -> Answer + Send + Sync + 'static,
    {
        Self::serve(limits, Arc::new(Function(handler)))
    }

    pub fn serve(limits: Limits, service: Arc<dyn Service>) -> Running {
        let server = Server::bind(([127, 0, 0, 1], 0).into(), limits).expect("a port is free");
        let (address, shutdown) = (server.address(), server.handle());
        let thread = std::thread::spawn(move || server.run(service).expect("threads are left"));
        Running { address, shutdown, thread: Some(thread) }
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Waits until the server has exactly this many open connections.
    pub fn wait_for_connections(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.shutdown.connections() != count {
            assert!(
                Instant::now() < deadline,
                "{} connections are open, not {count}",
                self.shutdown.connections()
            );
            std::thread::yield_now();
        }
    }

    /// Waits for the server's end and says how long that took.
    pub fn join(mut self) -> Duration {
        let start = Instant::now();
        self.thread.take().expect("it is joined once").join().expect("the server does not panic");
        start.elapsed()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.begin();
        self.shutdown.begin();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server does not panic");
        }
    }
}

/// One connection, from the client's side.
pub struct Client {
    pub socket: TcpStream,
    arrived: Vec<u8>,
}

#[derive(Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let socket = TcpStream::connect(address).expect("the server listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("the time is not zero");
        Client { socket, arrived: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).expect("the server reads");
    }

    pub fn get(&mut self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        self.reply()
    }

    pub fn post(&mut self, path: &str, body: &str) -> Reply {
        self.send(format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        self.reply()
    }

    /// An answer with its body.
    pub fn reply(&mut self) -> Reply {
        let mut reply = self.reply_head();
        let body = if let Some(length) = reply.header("content-length") {
            let length = length.parse().expect("a length is a number");
            self.take(length)
        } else if reply.header("transfer-encoding") == Some("chunked") {
            let mut body = Vec::new();
            while let Some(chunk) = self.chunk() {
                body.extend(chunk);
            }
            body
        } else {
            Vec::new()
        };
        reply.body = String::from_utf8(body).expect("the tests' bodies are text");
        reply
    }

    /// An answer up to its body.
    pub fn reply_head(&mut self) -> Reply {
        let head = String::from_utf8(self.take_until(b"\r\n\r\n")).expect("a head is text");
        let status = head
            .get(9..12)
            .and_then(|status| status.parse().ok())
            .expect("a head begins with its status");
        assert!(head.starts_with("HTTP/1.1 "), "{head}");
        Reply { status, head, body: String::new() }
    }

    /// A chunk of a body; nothing at its end.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = String::from_utf8(self.take_until(b"\r\n")).expect("a size is text");
        let size = usize::from_str_radix(line.trim_end(), 16).expect("a size is hexadecimal");
        let mut data = self.take(size + 2);
        data.truncate(size);
        (size > 0).then_some(data)
    }

    /// Everything until the server ends the connection.
    pub fn rest(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.arrived);
        self.socket.read_to_end(&mut rest).expect("the server ends the connection in good order");
        String::from_utf8(rest).expect("the tests' bodies are text")
    }

    /// Whether the server ends the connection now, in good order and without another byte.
    pub fn is_ended(&mut self) -> bool {
        self.arrived.is_empty() && matches!(self.socket.read(&mut [0; 1]), Ok(0))
    }

    /// Sends a byte whenever nothing has come back for some milliseconds, until something does.
    pub fn drip(&mut self, bytes: impl IntoIterator<Item = u8>) {
        self.socket.set_read_timeout(Some(Duration::from_millis(5))).expect("the time is not zero");
        for byte in bytes {
            self.send([byte]);
            match self.socket.peek(&mut [0; 1]) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                _ => break,
            }
        }
        self.socket.set_read_timeout(Some(PATIENCE)).expect("the time is not zero");
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.arrived.len() < count {
            self.more();
        }
        self.arrived.drain(..count).collect()
    }

    fn take_until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(found) = self.arrived.windows(end.len()).position(|window| window == end) {
                return self.arrived.drain(..found + end.len()).collect();
            }
            self.more();
        }
    }

    fn more(&mut self) {
        let mut buffer = [0; 16 * 1024];
        let count = self.socket.read(&mut buffer).expect("the server answers");
        assert!(
            count > 0,
            "the connection ended after {:?}",
            String::from_utf8_lossy(&self.arrived)
        );
        self.arrived.extend_from_slice(&buffer[..count]);
    }
}

/// Runs `body` in a separate process, for a test of process-wide state: the test with this `name` is started again, with an
/// environment variable that says so.
pub fn alone(name: &str, body: impl FnOnce()) {
    const ALONE: &str = "MCPIST_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let this = std::env::current_exe().expect("a test knows its program");
    let child = Command::new(this).args(["--exact", name, "--nocapture"]).env(ALONE, "1").output();
    let child = child.expect("a program can start itself");
    let told = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && told.contains("1 passed"), "{told}");
}
