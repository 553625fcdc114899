//! A collector of telemetry that costs as little as one can, in each of its moods.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::str::FromStr;
use std::thread;

use argh::FromArgs;

use crate::Outcome;

/// Take telemetry and forget it.
#[derive(FromArgs)]
#[argh(subcommand, name = "collector")]
pub struct Arguments {
    /// takes (200), refuses (500), throttles (429), babbles (no HTTP) or stalls (no answer)
    #[argh(positional)]
    mood: Mood,
}

#[derive(Clone, Copy)]
enum Mood {
    Takes,
    Refuses,
    Throttles,
    Babbles,
    Stalls,
}

impl FromStr for Mood {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "takes" => Ok(Self::Takes),
            "refuses" => Ok(Self::Refuses),
            "throttles" => Ok(Self::Throttles),
            "babbles" => Ok(Self::Babbles),
            "stalls" => Ok(Self::Stalls),
            _ => Err(format!("{text:?} is none of takes, refuses, throttles, babbles and stalls")),
        }
    }
}

pub fn run(arguments: &Arguments) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    eprintln!("collector on http://{}", listener.local_addr()?);
    thread::scope(|scope| {
        for socket in listener.incoming().flatten() {
            // A client may hang up at any time.
            scope.spawn(|| serve(socket, arguments.mood).unwrap_or_default());
        }
    });
    Ok(())
}

fn serve(mut socket: TcpStream, mood: Mood) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut reader = BufReader::new(socket.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 0 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
            match mood {
                Mood::Takes => {
                    socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")?;
                }
                Mood::Refuses => {
                    socket.write_all(b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n")?;
                }
                Mood::Throttles => socket.write_all(
                    b"HTTP/1.1 429 Slowly\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
                )?,
                Mood::Babbles => return socket.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"),
                Mood::Stalls => {}
            }
        }
        line.clear();
    }
    Ok(())
}
