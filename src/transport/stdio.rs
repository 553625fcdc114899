//! The stdio transport: one message per line on stdin and on stdout.
//!
//! Source: "stdio" of every revision. Requests run in parallel, so that a later line can cancel a slow one.

use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::access::Caller;
use crate::mcp::Server;
use crate::mcp::channel::{Channel, Outlet};
use crate::mcp::context::View;
use crate::mcp::message::Malformed;
use crate::sync::{RunningTasks, lock};

/// The maximum length of a line, the same as that of an HTTP body.
const MAX_LINE: u64 = 4 * 1024 * 1024;
/// How long requests that are cancelled at the end of the drain may take to be answered.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Serves one client until `input` ends or `output` breaks. Requests that run then have the time `drain`; after it they are
/// cancelled, and answered so. The thread that reads `input` is left behind if only `output` has ended.
///
/// # Errors
/// If reading fails. If writing fails, the service ends without an error, because the client is gone.
pub fn run(
    server: &Arc<Server>,
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
    view: View,
    drain: Duration,
) -> io::Result<()> {
    let (ended, end) = channel();
    let outlet = Lines { output: Mutex::new(Box::new(output)), broken: ended.clone() };
    let channel =
        Arc::new(Channel::new(Arc::clone(server), Arc::new(outlet), Caller::local(), view));
    // The user's slots limit how many requests run; the end waits for them by this count.
    let running = Arc::new(RunningTasks::default());
    let (reading, counting) = (Arc::clone(&channel), Arc::clone(&running));
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // The receiver is gone if the output broke first.
        let _ = ended.send(read(&reading, &counting, input));
    })?;
    // Both senders live at least as long as the channel.
    let outcome = end.recv().unwrap_or(Ok(()));
    channel.hear_no_more();
    if !running.wait_until_none(drain) {
        server.end();
        running.wait_until_none(ANSWER_TIME);
    }
    channel.close();
    outcome
}

/// Reads lines until the input ends, and serves them.
fn read(
    channel: &Arc<Channel>,
    running: &Arc<RunningTasks>,
    mut input: impl BufRead,
) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let body = if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
            skip_line(&mut input)?;
            Err(Malformed::too_long(&line))
        } else {
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            Channel::read(text)
        };
        if channel.is_quick(&body) {
            channel.receive(body);
            continue;
        }
        // The reader never waits for a slot: it must read the answers that running requests may wait for.
        let slot = match channel.slot() {
            Ok(slot) => slot,
            Err(error) => {
                channel.refuse(body, &error);
                continue;
            }
        };
        let (serving, task) = (Arc::clone(channel), running.start());
        std::thread::Builder::new().name("message".to_owned()).spawn(move || {
            serving.receive(body);
            drop((slot, task));
        })?;
    }
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

/// Stdout, a whole line at a time.
struct Lines {
    output: Mutex<Box<dyn Write + Send>>,
    /// Ends the service when nothing can be written.
    broken: Sender<io::Result<()>>,
}

impl Outlet for Lines {
    fn send(&self, json: &str) -> bool {
        let mut line = String::with_capacity(json.len() + 1);
        line.push_str(json);
        line.push('\n');
        let mut output = lock(&self.output);
        let sent = output.write_all(line.as_bytes()).and_then(|()| output.flush()).is_ok();
        if !sent {
            // The receiver is gone if the service has ended already.
            let _ = self.broken.send(Ok(()));
        }
        sent
    }
}
