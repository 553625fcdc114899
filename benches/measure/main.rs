//! Programs that the scripts in `benches/` need besides the server and wrk: a baseline, a cheap upstream, and measurements that
//! wrk cannot make. Servers print their URL to standard error; figures go to standard output.

mod baseline;
mod collector;
mod overhead;
mod request;
mod start;
mod streams;
mod upstream;

use std::error::Error;
use std::process::Command;

use argh::FromArgs;

/// The server's own, so that the baseline is not slower by its allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The outcome of every part: nothing, or why there are no figures.
type Outcome = Result<(), Box<dyn Error>>;

/// Parts of the scripts in benches/.
#[derive(FromArgs)]
struct Arguments {
    /// run benches/run.sh; `cargo bench` adds this
    #[argh(switch)]
    bench: bool,
    #[argh(subcommand)]
    part: Option<Part>,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Part {
    Baseline(baseline::Arguments),
    Collector(collector::Arguments),
    Upstream(upstream::Arguments),
    Start(start::Arguments),
    Streams(streams::Arguments),
    Overhead(overhead::Arguments),
}

fn main() -> Outcome {
    let arguments: Arguments = argh::from_env();
    match arguments.part {
        Some(Part::Baseline(arguments)) => baseline::run(&arguments),
        Some(Part::Collector(arguments)) => collector::run(&arguments),
        Some(Part::Upstream(arguments)) => upstream::run(&arguments),
        Some(Part::Start(arguments)) => start::run(&arguments),
        Some(Part::Streams(arguments)) => streams::run(&arguments),
        Some(Part::Overhead(arguments)) => overhead::run(&arguments),
        None if arguments.bench => script(),
        // `cargo test --all-targets` runs it, too.
        None => Ok(()),
    }
}

/// Measures everything.
fn script() -> Outcome {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/run.sh");
    if Command::new(script).status()?.success() { Ok(()) } else { Err("it failed".into()) }
}

/// The median; of an even number of values, the upper one of the middle.
fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}
