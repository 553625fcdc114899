//! Opens an address for the person at this machine.

use std::io;
use std::process::{Command, Stdio};

/// Starts `program` with an address, without waiting for it. It gets no access to the server's standard streams.
///
/// # Errors
/// If the program cannot be started.
pub fn open_in_browser(program: &str, address: &str) -> io::Result<()> {
    let mut child = Command::new(program)
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // Its exit is collected, because it would otherwise remain as a zombie.
    std::thread::Builder::new().name("browser".to_owned()).spawn(move || child.wait())?;
    Ok(())
}
