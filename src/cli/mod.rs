//! The command line, one file for each command. Data goes to stdout, everything else to stderr.

mod api_versions;
mod call;
mod check;
mod health;
mod import_openapi;
mod open;
mod serve;
mod setup;
mod stdio;
mod tools;

use std::fmt::Display;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use argh::FromArgs;

use crate::config::{Finding, Flags};

/// Exit code for wrong usage.
const WRONG_USAGE: u8 = 2;

/// One MCP endpoint for your own services: Notion, GitHub, Jira and any REST API.
///
/// Without a command, the server starts.
#[derive(FromArgs)]
#[argh(
    example = "Start the server on this machine:\n  {command_name}\n  {command_name} serve --port 9000",
    example = "Use it from the shell:\n  {command_name} call github get_repository '{{\"owner\":\"rust-lang\",\"repo\":\"rust\"}}'",
    example = "Let a client start it:\n  {command_name} stdio",
    note = "Environment: GITHUB_TOKEN and the like connect services; MCPIST_POLICY, MCPIST_MODULES_DIR, MCPIST_LOG and limits are in the README.",
    error_code(0, "done"),
    error_code(1, "failed"),
    error_code(2, "wrong usage")
)]
struct Arguments {
    /// print the version
    #[argh(switch)]
    version: bool,

    #[argh(subcommand)]
    command: Option<Command>,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Command {
    Serve(Serve),
    Stdio(Stdio),
    Tools(Tools),
    Call(Call),
    Check(Check),
    Health(Health),
    ApiVersions(ApiVersions),
    ImportOpenapi(ImportOpenapi),
    Open(Open),
}

/// Start the server (the default command).
#[derive(FromArgs, Default)]
#[argh(subcommand, name = "serve")]
struct Serve {
    /// port to listen on (default 8088, or PORT; 0 picks a free one)
    #[argh(option)]
    port: Option<u16>,

    /// address to listen on (default 127.0.0.1)
    #[argh(option)]
    bind: Option<IpAddr>,
}

/// Serve one client over standard input and output.
#[derive(FromArgs)]
#[argh(subcommand, name = "stdio")]
struct Stdio {
    /// publish every tool by itself instead of the three that stand for all
    #[argh(switch)]
    direct: bool,

    /// publish only tools that change nothing
    #[argh(switch)]
    readonly: bool,
}

/// List the modules, or the tools of one.
#[derive(FromArgs)]
#[argh(subcommand, name = "tools")]
struct Tools {
    /// the module whose tools are listed
    #[argh(positional)]
    module: Option<String>,

    /// print the definitions as JSON
    #[argh(switch)]
    json: bool,

    /// check a module file of your own instead: what is wrong with it, line by line
    #[argh(option, arg_name = "file")]
    check: Option<PathBuf>,
}

/// Call one tool and print its result.
#[derive(FromArgs)]
#[argh(
    subcommand,
    name = "call",
    example = "{command_name} github list_issues '{{\"owner\":\"rust-lang\",\"repo\":\"rust\",\"limit\":5}}'",
    example = "echo '{{\"query\":\"mcp server\"}}' | {command_name} github search_repositories -"
)]
struct Call {
    /// the module, such as github
    #[argh(positional)]
    module: String,

    /// the tool, one of those that `mcpist tools MODULE` lists
    #[argh(positional)]
    tool: String,

    /// its parameters as a JSON object; - reads them from standard input
    #[argh(positional)]
    params: Option<String>,

    /// print the result as JSON instead of TOON
    #[argh(switch)]
    json: bool,

    /// do not ask before calls that cannot be undone or may cost money
    #[argh(switch)]
    yes: bool,
}

/// Check the configuration and whether the services can be reached.
#[derive(FromArgs)]
#[argh(subcommand, name = "check")]
struct Check {}

/// Open the page where you confirm what cannot be undone.
#[derive(FromArgs)]
#[argh(subcommand, name = "open")]
struct Open {
    /// address that a tool's result gave (default: that of the server on this machine)
    #[argh(positional)]
    address: Option<String>,

    /// port that the server listens on (default 8088, or PORT)
    #[argh(option)]
    port: Option<u16>,
}

/// Ask a running server on this machine whether it is well (for a container's health check).
#[derive(FromArgs)]
#[argh(subcommand, name = "health")]
struct Health {
    /// port that the server listens on (default 8088, or PORT)
    #[argh(option)]
    port: Option<u16>,
}

/// List the API version of every module.
#[derive(FromArgs)]
#[argh(subcommand, name = "api-versions")]
struct ApiVersions {
    /// these modules instead of all
    #[argh(positional)]
    modules: Vec<String>,

    /// ask the services, without a credential, whether there are newer ones
    #[argh(switch)]
    check: bool,
}

/// Write a module file out of an API's description, or list what it describes.
///
/// It reads `OpenAPI` 3.0 and 3.1 as JSON; without --operations it lists the operations.
#[derive(FromArgs)]
#[argh(
    subcommand,
    name = "import-openapi",
    example = "{command_name} openapi.json\n  {command_name} openapi.json --operations listPets,getPet --module pets > modules/pets.json"
)]
struct ImportOpenapi {
    /// the description
    #[argh(positional)]
    file: PathBuf,

    /// the operations that become tools: ids with commas between them, or all
    #[argh(option)]
    operations: Option<String>,

    /// name of the module (default: the description's title)
    #[argh(option)]
    module: Option<String>,

    /// address of the service (default: the description's first server)
    #[argh(option)]
    base_url: Option<String>,
}

/// Runs the command in `arguments` (without the program's name).
#[must_use]
pub fn run(arguments: &[String]) -> ExitCode {
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // `mcpist --port 9000` is `mcpist serve --port 9000`.
    if arguments
        .first()
        .is_some_and(|first| first.starts_with("--port") || first.starts_with("--bind"))
    {
        arguments.insert(0, "serve");
    }
    // argh treats a lone dash as an option; after `--` it is an ordinary argument.
    if let Some(dash) = arguments.iter().position(|argument| *argument == "-") {
        arguments.remove(dash);
        arguments.extend(["--", "-"]);
    }
    let parsed = match Arguments::from_args(&["mcpist"], &arguments) {
        Ok(parsed) => parsed,
        Err(exit) if exit.status.is_ok() => {
            return ended(print(exit.output.trim_end()));
        }
        Err(exit) => {
            eprintln!("{}\nRun mcpist --help for the commands.", exit.output.trim_end());
            return ExitCode::from(WRONG_USAGE);
        }
    };
    if parsed.version {
        return ended(print(format_args!(
            "mcpist {} ({})",
            env!("CARGO_PKG_VERSION"),
            option_env!("MCPIST_COMMIT").unwrap_or("unknown commit")
        )));
    }
    ended(match parsed.command.unwrap_or(Command::Serve(Serve::default())) {
        Command::Serve(Serve { port, bind }) => serve::run(&Flags { port, bind }),
        Command::Stdio(Stdio { direct, readonly }) => stdio::run(direct, readonly),
        Command::Tools(Tools { module: None, json: false, check: Some(file) }) => {
            tools::check(&file)
        }
        Command::Tools(Tools { check: Some(_), .. }) => Err(Stop::WrongUsage(
            "tools --check takes a module file and nothing else: mcpist tools --check weather.json"
                .to_owned(),
        )),
        Command::Tools(Tools { module, json, check: None }) => tools::run(module.as_deref(), json),
        Command::Call(Call { module, tool, params, json, yes }) => {
            call::run(&module, &tool, params.as_deref(), json, yes)
        }
        Command::Check(Check {}) => check::run(),
        Command::Health(Health { port }) => health::run(port),
        Command::Open(Open { address, port }) => open::run(address.as_deref(), port),
        Command::ApiVersions(ApiVersions { modules, check }) => api_versions::run(&modules, check),
        Command::ImportOpenapi(ImportOpenapi { file, operations, module, base_url }) => {
            import_openapi::run(
                &file,
                operations.as_deref(),
                module.as_deref(),
                base_url.as_deref(),
            )
        }
    })
}

/// Reports why a command failed, and returns its exit code.
fn ended(done: Result<(), Stop>) -> ExitCode {
    match done {
        Ok(()) | Err(Stop::ReaderGone) => ExitCode::SUCCESS,
        Err(Stop::WrongUsage(message)) => {
            eprintln!("mcpist: {message}");
            ExitCode::from(WRONG_USAGE)
        }
        Err(Stop::Failed(message)) => {
            eprintln!("mcpist: {message}");
            ExitCode::FAILURE
        }
        Err(Stop::Findings(findings)) => {
            let plural = if findings.len() == 1 { "" } else { "s" };
            eprintln!("mcpist: configuration error{plural}:");
            for finding in findings {
                eprintln!("  {finding}");
            }
            ExitCode::FAILURE
        }
        // The command has already reported everything.
        Err(Stop::Reported) => ExitCode::FAILURE,
    }
}

/// Why a command failed.
enum Stop {
    /// Wrong usage.
    WrongUsage(String),
    /// It failed.
    Failed(String),
    /// The configuration is wrong.
    Findings(Vec<Finding>),
    /// It failed and has already reported it.
    Reported,
    /// The reader of its data has closed the pipe, as `head` does.
    ReaderGone,
}

/// Writes a line of data to stdout.
fn print(line: impl Display) -> Result<(), Stop> {
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Stop::ReaderGone),
        Err(error) => Err(Stop::Failed(format!("stdout cannot be written: {error}"))),
    }
}

impl From<Vec<Finding>> for Stop {
    fn from(findings: Vec<Finding>) -> Self {
        Self::Findings(findings)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
