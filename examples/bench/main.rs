//! What the scripts in `benches/` need besides the server and wrk: something to compare with, an upstream that costs little, and the
//! measurements that wrk cannot make. Servers say their URL on standard error, figures go to standard output.

mod baseline;
mod collector;
mod overhead;
mod request;
mod start;
mod streams;
mod upstream;

use std::error::Error;

use argh::FromArgs;

/// The server's own, so that the baseline is not slower by its allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What every part gives: nothing, or why there are no figures.
type Outcome = Result<(), Box<dyn Error>>;

/// Parts of the scripts in benches/.
#[derive(FromArgs)]
struct Arguments {
    #[argh(subcommand)]
    part: Part,
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
    match argh::from_env::<Arguments>().part {
        Part::Baseline(arguments) => baseline::run(&arguments),
        Part::Collector(arguments) => collector::run(&arguments),
        Part::Upstream(arguments) => upstream::run(&arguments),
        Part::Start(arguments) => start::run(&arguments),
        Part::Streams(arguments) => streams::run(&arguments),
        Part::Overhead(arguments) => overhead::run(&arguments),
    }
}

/// The median; of an even number of values, the upper one of the middle.
fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}
