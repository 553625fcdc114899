//! The state folder: what local mode stores between processes, readable only by this account.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::os::{is_private, make_private_folder, write_private_file};
use crate::random::random_id;
use crate::secret::Secret;

/// The state folder.
#[derive(Debug, Clone)]
pub struct StateFolder(PathBuf);

impl StateFolder {
    /// Uses the folder at this path; it is created when something is first stored.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Returns the page key: 64 hexadecimal digits in the file `page-key`, created at the first request. A key that is invalid
    /// or readable by other accounts is replaced.
    ///
    /// # Errors
    /// If the folder or the file cannot be created or read.
    pub fn page_key(&self) -> io::Result<Secret> {
        make_private_folder(&self.0)?;
        let path = self.0.join("page-key");
        match read_key(&path) {
            Ok(Some(key)) => return Ok(key),
            Ok(None) => {
                log::warn!(
                    "{}: others could read it, or it is not a key; it is replaced",
                    path.display()
                );
                let (temporary, key) = self.written()?;
                fs::rename(temporary, &path)?;
                return Ok(key);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let (temporary, key) = self.written()?;
        // If two processes start at once, the second uses the key of the first.
        let linked = fs::hard_link(&temporary, &path);
        fs::remove_file(&temporary)?;
        match linked {
            Ok(()) => Ok(key),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => read_key(&path)?
                .ok_or_else(|| io::Error::other("the page key changes while it is read")),
            Err(error) => Err(error),
        }
    }

    /// Writes a new key to its own file.
    fn written(&self) -> io::Result<(PathBuf, Secret)> {
        let key = Secret::new(format!("{}{}", random_id(), random_id()));
        let path = self.0.join(format!(".page-key-{}", random_id()));
        write_private_file(&path, key.expose())?;
        Ok((path, key))
    }
}

/// Reads the key from a file; `None` if other accounts may have read it, or if it is not valid.
fn read_key(path: &Path) -> io::Result<Option<Secret>> {
    let is_private = is_private(path)?;
    let text = fs::read_to_string(path)?;
    let is_key = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok((is_private && is_key).then(|| Secret::new(text)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn folder(name: &str) -> StateFolder {
        let path = std::env::temp_dir().join(format!("mcpist-state-{name}-{}", random_id()));
        StateFolder::new(path.join("inner"))
    }

    #[test]
    fn the_page_key_is_made_once_and_for_this_account_alone() {
        let folder = folder("once");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| folder.page_key().expect("it can be made")))
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(keys.iter().all(|key| key == &keys[0]), "all have the same");
        let mode = |path: &Path| fs::metadata(path).expect("it exists").mode() & 0o777;
        assert_eq!((mode(&folder.0), mode(&folder.0.join("page-key"))), (0o700, 0o600));
        let names: Vec<_> = fs::read_dir(&folder.0).expect("it exists").collect();
        assert_eq!(names.len(), 1, "nothing else is left");
    }

    #[test]
    fn a_key_that_others_could_read_or_that_is_none_is_replaced() {
        let folder = folder("replaced");
        let first = folder.page_key().expect("it can be made");
        let path = folder.0.join("page-key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("it is ours");
        let second = folder.page_key().expect("it can be replaced");
        assert!(first != second && is_private(&path).expect("it exists"));
        fs::write(&path, "short").expect("it is ours");
        assert!(folder.page_key().expect("it can be replaced") != second);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        assert!(StateFolder::new("/dev/null/mcpist".into()).page_key().is_err());
    }
}
