//! Opens an address for the person at this machine.

use std::io;
use std::process::{Command, Stdio};

/// Starts `program` with an address. It is not waited for, and neither reads nor writes where the server does.
///
/// # Errors
/// When the program cannot be started.
pub fn open_in_browser(program: &str, address: &str) -> io::Result<()> {
    let mut child = Command::new(program)
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // Its end is collected, or it would stay as a zombie.
    std::thread::Builder::new().name("browser".to_owned()).spawn(move || child.wait())?;
    Ok(())
}
