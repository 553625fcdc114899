//! The cost of open event streams, and a check that they open and close.

use std::error::Error;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use argh::FromArgs;
use serde_json::json;

use crate::start::resident;
use crate::{Outcome, request};

/// How long the server has to notice that its clients have gone.
const NOTICE_TIME: Duration = Duration::from_secs(5);

/// Hold many subscriptions/listen streams open.
#[derive(FromArgs)]
#[argh(subcommand, name = "streams")]
pub struct Arguments {
    /// the server's MCP endpoint
    #[argh(positional)]
    url: String,

    /// the server's process id
    #[argh(positional)]
    pid: u32,

    /// how many (default 1000); the server must allow some more
    #[argh(option, default = "1000")]
    count: usize,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let Arguments { url, pid, count } = arguments;
    let address = url.trim_start_matches("http://").trim_end_matches("/mcp");
    let list = request::body("tools/list", json!({}));
    let ask = || request::send(&ureq::agent(), url, "tools/list", None, &list).map(drop);
    ask()?;
    let (memory, descriptors) = (resident(*pid)?, open_descriptors(*pid)?);

    let started = Instant::now();
    let streams: Vec<TcpStream> = (0..*count).map(|_| open(address)).collect::<Result<_, _>>()?;
    println!("{count} streams open in         {} ms", started.elapsed().as_millis());
    let open_memory = resident(*pid)?;
    let asked = Instant::now();
    ask()?;
    println!(
        "tools/list beside them        {} µs, a connection of its own",
        asked.elapsed().as_micros()
    );
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let added = open_memory.saturating_sub(memory) as f64 / *count as f64;
    println!(
        "resident                      {memory} KiB before, {open_memory} KiB with them: {added:.2} KiB a stream"
    );

    drop(streams);
    let closed = Instant::now();
    while open_descriptors(*pid)? > descriptors {
        if closed.elapsed() > NOTICE_TIME {
            return Err(format!(
                "{} of the server's sockets are still open",
                open_descriptors(*pid)? - descriptors
            )
            .into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    println!("all noticed as gone after     {} ms", closed.elapsed().as_millis());
    println!("resident after them           {} KiB", resident(*pid)?);
    ask()
}

/// Opens a stream and reads its acknowledgement.
fn open(address: &str) -> Result<TcpStream, Box<dyn Error>> {
    let body =
        request::body("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(NOTICE_TIME))?;
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all((head + &body).as_bytes())?;
    let mut answer = String::new();
    while !answer.contains("notifications/subscriptions/acknowledged") {
        let mut piece = [0; 4096];
        match socket.read(&mut piece)? {
            0 => return Err(format!("the stream ended: {answer}").into()),
            bytes => answer.push_str(&String::from_utf8_lossy(&piece[..bytes])),
        }
    }
    Ok(socket)
}

fn open_descriptors(pid: u32) -> std::io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}
