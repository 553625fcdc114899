//! A service that knows which requests will come and what to answer, and fails the test on anything else.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use mcpist::access::Caller;
use mcpist::cancellation::Cancellation;
use mcpist::engine::{self, Accounts, Connection, Module, Tool, ToolCall};
use mcpist::error::Error;
use mcpist::json::Object;
use mcpist::upstream::Upstream;
use serde_json::Value;

/// How long a connection may sit idle: longer than any test, shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the next byte of a slow answer takes.
const DRIP: Duration = Duration::from_millis(5);

/// One request that will come, and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub method: String,
    pub target: String,
    /// Headers that the request must have with these values; an empty value means that it must not have them.
    pub headers: Vec<(String, String)>,
    /// The JSON body; `None` means that there must be no body, unless there is a text.
    pub body: Option<Value>,
    /// The body as text, if it is not JSON.
    pub text: Option<String>,
    pub answer: Answer,
}

/// The service's reaction to a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A whole answer.
    Whole { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// Exactly these bytes, then the connection is closed.
    Raw(Vec<u8>),
    /// Exactly these bytes, then nothing until the client gives up.
    Stall(Vec<u8>),
    /// Nothing for so long, then exactly these bytes.
    Late(Duration, Vec<u8>),
    /// These bytes, then one byte after the other, each after a while, until the client gives up.
    Drip(Vec<u8>),
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The server; dropping it fails the test unless every exchange took place.
pub struct FakeUpstream {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
    stopped: Condvar,
}

#[derive(Default)]
struct Inner {
    expected: VecDeque<Exchange>,
    requests: Vec<Request>,
    connections: Vec<TcpStream>,
    complaints: Vec<String>,
    stopping: bool,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no thread of the fake panics with the lock")
    }
}

impl Exchange {
    /// A request without a body, and its answer.
    pub fn new(method: &str, target: &str, answer: Answer) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, headers: Vec::new(), body: None, text: None, answer }
    }

    /// The same with a header that the request must have; an empty value: must not have.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with the JSON body that the request must have.
    pub fn with_body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// The same with the body that the request must have, byte for byte.
    pub fn with_text(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }
}

impl Answer {
    /// Nothing at all, until the client gives up.
    pub const SILENCE: Self = Self::Stall(Vec::new());

    /// An answer with these headers and this body.
    pub fn new(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::Whole { status, headers, body: body.into() }
    }
}

impl Request {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl FakeUpstream {
    /// A server on its own port that expects these exchanges, in this order.
    pub fn new(expected: impl IntoIterator<Item = Exchange>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(State::default());
        let own_url = format!("http://{address}");
        state.lock().expected =
            expected.into_iter().map(|exchange| with_own_url(exchange, &own_url)).collect();
        let accepting = Arc::clone(&state);
        thread::spawn(move || accept(&listener, &accepting));
        Self { address, state }
    }

    /// Expects one exchange more.
    pub fn expect(&self, exchange: Exchange) {
        self.state.lock().expected.push_back(with_own_url(exchange, &self.url()));
    }

    /// Its address as a base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().requests.clone()
    }

    /// Returns how many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.state.lock().connections.len()
    }

    /// Waits until the client has closed its last connection. Returns how long that took.
    pub fn wait_until_left(&self) -> Duration {
        let start = Instant::now();
        let last = self.state.lock().connections.last().map(TcpStream::try_clone);
        let last = last.expect("there was a connection").expect("a socket can be cloned");
        match last.peek(&mut [0]) {
            Ok(0) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            other => panic!("the client is still there: {other:?}"),
        }
        start.elapsed()
    }

    /// What was not as expected: reported once, then forgotten.
    pub fn complaints(&self) -> Vec<String> {
        let mut inner = self.state.lock();
        let mut complaints = std::mem::take(&mut inner.complaints);
        let missing = inner.expected.drain(..);
        complaints.extend(
            missing.map(|exchange| format!("never came: {} {}", exchange.method, exchange.target)),
        );
        complaints
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        let complaints = self.complaints();
        let mut inner = self.state.lock();
        inner.stopping = true;
        for connection in &inner.connections {
            // It may be closed already, which is what we want.
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(inner);
        self.state.stopped.notify_all();
        // Wakes the thread that accepts, so that it sees the end.
        drop(TcpStream::connect(self.address));
        let expected = complaints.is_empty() || thread::panicking();
        assert!(expected, "the service was not asked as expected:\n{}", complaints.join("\n"));
    }
}

/// `{upstream}` in an answer's headers is the server's own address.
fn with_own_url(mut exchange: Exchange, own_url: &str) -> Exchange {
    if let Answer::Whole { headers, .. } = &mut exchange.answer {
        for (_, value) in headers {
            *value = value.replace("{upstream}", own_url);
        }
    }
    exchange
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { return };
        let mut inner = state.lock();
        if inner.stopping {
            return;
        }
        inner.connections.push(stream.try_clone().expect("a socket can be cloned"));
        drop(inner);
        let state = Arc::clone(state);
        thread::spawn(move || {
            // The client ends its connection as it likes.
            let _ = serve(&stream, &state);
        });
    }
}

fn serve(stream: &TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader)? {
        let answer = take_answer(state, request);
        match answer {
            Answer::Whole { status, headers, body } => {
                write_answer(stream, status, &headers, &body)?;
            }
            Answer::Raw(bytes) => {
                let mut writer = stream;
                writer.write_all(&bytes)?;
                return stream.shutdown(Shutdown::Both);
            }
            Answer::Late(time, bytes) => {
                let inner = state.lock();
                drop(state.stopped.wait_timeout_while(inner, time, |inner| !inner.stopping));
                let mut writer = stream;
                writer.write_all(&bytes)?;
            }
            Answer::Drip(bytes) => {
                let mut writer = stream;
                writer.write_all(&bytes)?;
                let mut inner = state.lock();
                while !inner.stopping {
                    inner = state
                        .stopped
                        .wait_timeout(inner, DRIP)
                        .expect("no thread panics with the lock")
                        .0;
                    writer.write_all(b" ")?;
                }
                return Ok(());
            }
            Answer::Stall(bytes) => {
                let mut writer = stream;
                writer.write_all(&bytes)?;
                let until = Instant::now() + PATIENCE;
                let mut inner = state.lock();
                while !inner.stopping && Instant::now() < until {
                    inner = state
                        .stopped
                        .wait_timeout(inner, PATIENCE)
                        .expect("no thread panics with the lock")
                        .0;
                }
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Compares the request with the next expected one and returns that one's response.
fn take_answer(state: &State, request: Request) -> Answer {
    let mut inner = state.lock();
    let Some(exchange) = inner.expected.pop_front() else {
        inner.complaints.push(format!("one too many: {} {}", request.method, request.target));
        inner.requests.push(request);
        return Answer::new(599, &[], "");
    };
    let complaints = differences(&exchange, &request);
    inner.complaints.extend(complaints);
    inner.requests.push(request);
    exchange.answer
}

fn differences(expected: &Exchange, got: &Request) -> Vec<String> {
    let mut found = Vec::new();
    let (wanted, came) = (
        format!("{} {}", expected.method, expected.target),
        format!("{} {}", got.method, got.target),
    );
    if wanted != came {
        found.push(format!("expected {wanted}\n     got {came}"));
    }
    for (name, value) in &expected.headers {
        let actual = got.header(name).unwrap_or_default();
        if actual != value {
            found.push(format!("{came}: header {name}: expected {value:?}, got {actual:?}"));
        }
    }
    if let Some(text) = &expected.text {
        if got.body != text.as_bytes() {
            found.push(format!(
                "{came}: expected body {text:?}\n     got {:?}",
                String::from_utf8_lossy(&got.body)
            ));
        }
        return found;
    }
    let body = if got.body.is_empty() {
        Ok(None)
    } else {
        serde_json::from_slice::<Value>(&got.body).map(Some)
    };
    match body {
        Ok(body) if body == expected.body => {}
        _ => found.push(format!(
            "{came}: expected body {}\n     got {}",
            expected.body.as_ref().map_or_else(|| "none".to_owned(), Value::to_string),
            String::from_utf8_lossy(&got.body)
        )),
    }
    found
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, target, headers, body: Vec::new() };
    let length =
        request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}

fn write_answer(
    mut stream: &TcpStream,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> io::Result<()> {
    let mut answer = format!("HTTP/1.1 {status} Fake\r\n").into_bytes();
    for (name, value) in headers {
        write!(answer, "{name}: {value}\r\n")?;
    }
    if status == 204 {
        answer.extend(b"\r\n");
    } else {
        write!(answer, "content-length: {}\r\n\r\n", body.len())?;
        answer.extend(body);
    }
    stream.write_all(&answer)
}

/// Calls a tool with one account, as the product does, within ten seconds.
pub fn call_tool(
    upstream: &Upstream,
    (module, tool): (&Module, &Tool),
    first: Connection<'_>,
    arguments: Object,
) -> Result<Value, Error> {
    let call = ToolCall {
        caller: &Caller::local(),
        client: None,
        module,
        tool,
        deadline: Instant::now() + Duration::from_secs(10),
        trace_parent: None,
    };
    let accounts = Accounts { first, others: &[], renew: &|_| Ok(None) };
    engine::call(upstream, call, accounts, arguments, &Cancellation::default())
}
