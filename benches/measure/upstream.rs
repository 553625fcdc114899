//! A service to call that costs as little as one can: a thread for each connection, one fixed answer.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use argh::FromArgs;

use crate::Outcome;

/// Answer every GET with a file.
#[derive(FromArgs)]
#[argh(subcommand, name = "upstream")]
pub struct Arguments {
    /// the file with the answer's JSON
    #[argh(positional)]
    body: String,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let body: serde_json::Value = serde_json::from_str(&fs::read_to_string(&arguments.body)?)?;
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = head + &body;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    eprintln!("upstream on http://{}", listener.local_addr()?);
    thread::scope(|scope| {
        for socket in listener.incoming().flatten() {
            // A client may hang up at any time.
            scope.spawn(|| serve(socket, answer.as_bytes()).unwrap_or_default());
        }
    });
    Ok(())
}

fn serve(mut socket: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut lines = BufReader::new(socket.try_clone()?);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        if line == "\r\n" {
            socket.write_all(answer)?;
        }
        line.clear();
    }
    Ok(())
}
