//! Files and folders that only this account can read.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The bits of a mode that let others in.
const OTHERS: u32 = 0o077;

/// Makes a folder with its parents where it is missing, and takes it from everybody else.
///
/// # Errors
/// When the system refuses.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if is_private(path)? {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Creates a file that does not exist yet, to write to.
///
/// # Errors
/// When it exists, or the system refuses.
pub fn create_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Whether only this account can read a file or a folder.
///
/// # Errors
/// When there is nothing at the path.
pub fn is_private(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.mode() & OTHERS == 0)
}
