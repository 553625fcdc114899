//! Folders and files that no other account may read.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The bits of a mode that let others in.
const OTHERS: u32 = 0o077;

/// Makes a folder, with those above it, that no other account may enter (0700); one that others may enter is closed to them.
///
/// # Errors
/// When it cannot be made, or is another account's.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if !is_private(path)? {
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Writes a new file that no other account may read (0600).
///
/// # Errors
/// When it exists already or cannot be written.
pub fn write_private_file(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Whether no other account may read a file or enter a folder.
///
/// # Errors
/// When it is not there, or cannot be looked at.
pub fn is_private(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.mode() & OTHERS == 0)
}
