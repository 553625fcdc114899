//! The time that the server adds to a request: calls through it and requests directly to the service, alternately.

use std::time::{Duration, Instant};

use argh::FromArgs;
use serde_json::json;

use crate::{Outcome, median, request};

const WARM_UP: usize = 200;

/// Compare calls through the server with requests straight to its upstream.
#[derive(FromArgs)]
#[argh(subcommand, name = "overhead")]
pub struct Arguments {
    /// the server's MCP endpoint
    #[argh(positional)]
    server: String,

    /// the upstream that it calls
    #[argh(positional)]
    upstream: String,

    /// how many of each (default 2000)
    #[argh(option, default = "2000")]
    count: usize,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let params = json!({"owner": "acme", "repo": "rocket"});
    let arguments_of_call = json!({"module": "github", "tool": "get_repository", "params": params});
    let body = request::body("tools/call", json!({"name": "call", "arguments": arguments_of_call}));
    let straight_url = format!("{}/repos/acme/rocket", arguments.upstream);
    // One connection to each, kept.
    let (through, straight) = (ureq::agent(), ureq::agent());

    let (mut through_times, mut straight_times) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + arguments.count {
        let began = Instant::now();
        let answer = request::send(&through, &arguments.server, "tools/call", Some("call"), &body)?;
        let through_time = began.elapsed();
        if !answer.contains("acme/rocket") {
            return Err(format!("the call's result is another one: {answer}").into());
        }
        let began = Instant::now();
        let body = straight
            .get(&straight_url)
            .header("accept", "application/json")
            .call()?
            .body_mut()
            .read_to_string()?;
        let straight_time = began.elapsed();
        if !body.contains("acme/rocket") {
            return Err(format!("the upstream's answer is another one: {body}").into());
        }
        if round >= WARM_UP {
            through_times.push(through_time);
            straight_times.push(straight_time);
        }
    }
    let (through, straight): (Duration, Duration) = (median(through_times), median(straight_times));
    let added = through.as_secs_f64() - straight.as_secs_f64();
    println!("call through the server  {} µs", through.as_micros());
    println!("straight to the upstream {} µs", straight.as_micros());
    println!("added by the server      {:.0} µs", added * 1e6);
    Ok(())
}
