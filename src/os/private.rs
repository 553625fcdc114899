//! Folders and files that other accounts cannot read.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The bits of a mode that give access to other accounts.
const OTHERS: u32 = 0o077;

/// Creates a folder, with its parents, that other accounts cannot open (0700). An existing folder that others can open is
/// closed to them.
///
/// # Errors
/// If it cannot be created, or belongs to another account.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if !is_private(path)? {
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Writes a new file that other accounts cannot read (0600).
///
/// # Errors
/// If it exists already or cannot be written.
pub fn write_private_file(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Returns whether other accounts cannot read a file or open a folder.
///
/// # Errors
/// If it does not exist, or cannot be examined.
pub fn is_private(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.mode() & OTHERS == 0)
}
