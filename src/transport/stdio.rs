//! The stdio transport: one message per line on stdin and on stdout.
//!
//! Source: "stdio" of every revision. Requests run in parallel, so that a later line can cancel a slow one.

use std::io::{self, BufRead, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::access::Caller;
use crate::error::{Code, Error};
use crate::mcp::Server;
use crate::mcp::channel::{Channel, Outlet};
use crate::mcp::context::View;
use crate::mcp::message::error_text;
use crate::sync::{Slots, lock};

/// The maximum length of a line, the same as that of an HTTP body.
const MAX_LINE: u64 = 4 * 1024 * 1024;
/// The maximum number of requests at once; further lines wait in the pipe.
const MAX_RUNNING: usize = 32;
/// How long running requests may continue after the client has closed stdin.
const DRAIN: Duration = Duration::from_secs(8);

/// Serves one client until `input` ends.
///
/// # Errors
/// If reading fails. If writing fails, the service ends without an error, because the client is gone.
pub fn run(
    server: &Arc<Server>,
    mut input: impl BufRead,
    output: impl Write + Send + 'static,
    view: View,
) -> io::Result<()> {
    let outlet = Arc::new(Lines(Mutex::new(Box::new(output))));
    let channel = Arc::new(Channel::new(
        Arc::clone(server),
        Arc::clone(&outlet) as Arc<dyn Outlet>,
        Caller::local(),
        view,
    ));
    let running = Slots::new(MAX_RUNNING);
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
            skip_line(&mut input)?;
            let error = Error::new(Code::InvalidRequest, "the line is longer than 4 MiB")
                .with_hint("Send a smaller message.");
            outlet.send(&error_text(None, &error));
            continue;
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let body = Channel::read(text);
        if channel.is_quick(&body) {
            channel.receive(body);
            continue;
        }
        // The reader never waits for a slot: it must read the answers that running requests may wait for.
        let Some(slot) = running.take() else {
            channel.refuse(body);
            continue;
        };
        let serving = Arc::clone(&channel);
        std::thread::Builder::new().name("message".to_owned()).spawn(move || {
            serving.receive(body);
            drop(slot);
        })?;
    }
    running.wait_until_free(DRAIN);
    channel.close();
    Ok(())
}

/// Reads to the end of a line that is too long, one buffer at a time.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (used, done) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(used);
        if done {
            return Ok(());
        }
    }
}

/// Writes stdout, a whole line at a time.
struct Lines(Mutex<Box<dyn Write + Send>>);

impl Outlet for Lines {
    fn send(&self, json: &str) -> bool {
        let mut line = String::with_capacity(json.len() + 1);
        line.push_str(json);
        line.push('\n');
        let mut output = lock(&self.0);
        output.write_all(line.as_bytes()).and_then(|()| output.flush()).is_ok()
    }
}
