//! The minimal server on tiny_http: four threads answer every request with one fixed body.

use std::io::{self, Write};
use std::thread;

use argh::FromArgs;
use serde_json::json;
use tiny_http::{Header, Request, Response, Server};

use crate::{Outcome, request};

const THREADS: usize = 4;

/// Serve the answer that a server gives to tools/list from memory.
#[derive(FromArgs)]
#[argh(subcommand, name = "baseline")]
pub struct Arguments {
    /// the server's MCP endpoint
    #[argh(positional)]
    url: String,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let method = "tools/list";
    let body = request::send(
        &ureq::agent(),
        &arguments.url,
        method,
        None,
        &request::body(method, json!({})),
    )?;
    let server = Server::http("127.0.0.1:0").map_err(|error| error.to_string())?;
    eprintln!("baseline of {} bytes on http://{}", body.len(), server.server_addr());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Ok(request) = server.recv() {
                    // A client that has gone is wrk at the end of its round.
                    let _ = answer(request, body.as_bytes());
                }
            });
        }
    });
    Ok(())
}

/// As `Request::respond` does it, but in one write: its two, without `TCP_NODELAY`, would wait 40 ms for a delayed
/// acknowledgement in between.
fn answer(request: Request, body: &[u8]) -> io::Result<()> {
    let kind = Header::from_bytes("Content-Type", "application/json")
        .expect("a constant that is a header");
    let mut printed = Vec::new();
    Response::from_data(body).with_header(kind).raw_print(
        &mut printed,
        request.http_version().clone(),
        request.headers(),
        false,
        None,
    )?;
    let mut writer = request.into_writer();
    writer.write_all(&printed)?;
    writer.flush()
}
