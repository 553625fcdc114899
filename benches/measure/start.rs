//! How long the server takes from its start to its first answer, and how much memory it holds then.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use argh::FromArgs;

use crate::{Outcome, median};

/// Start the server again and again, and ask it for its health.
#[derive(FromArgs)]
#[argh(subcommand, name = "start")]
pub struct Arguments {
    /// the server's binary
    #[argh(positional)]
    binary: String,

    /// how often (default 20)
    #[argh(option, default = "20")]
    rounds: usize,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let mut rounds = Vec::new();
    for _ in 0..arguments.rounds {
        let started = Instant::now();
        let mut server = Command::new(&arguments.binary)
            .args(["serve", "--port", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let round = measure(&mut server, started);
        server.kill()?;
        server.wait()?;
        rounds.push(round?);
    }
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    println!(
        "start to the first GET /health  {:.1} ms",
        milliseconds(median(rounds.iter().map(|round| round.0).collect()))
    );
    println!(
        "resident before any request     {} KiB",
        median(rounds.iter().map(|round| round.1).collect())
    );
    println!(
        "resident after one request      {} KiB",
        median(rounds.iter().map(|round| round.2).collect())
    );
    Ok(())
}

fn measure(
    server: &mut Child,
    started: Instant,
) -> Result<(Duration, u64, u64), Box<dyn std::error::Error>> {
    let mut greeting =
        BufReader::new(server.stderr.take().ok_or("the server has no standard error")?);
    let mut line = String::new();
    greeting.read_line(&mut line)?;
    let address = line
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .ok_or_else(|| format!("no URL in {line:?}"))?;
    let before = resident(server.id())?;
    let mut socket = TcpStream::connect(address)?;
    write!(socket, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let time = started.elapsed();
    if !answer.starts_with("HTTP/1.1 200 ") {
        return Err(format!("GET /health: {answer}").into());
    }
    Ok((time, before, resident(server.id())?))
}

/// Resident memory of a process in KiB.
pub fn resident(pid: u32) -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("the process has no memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
