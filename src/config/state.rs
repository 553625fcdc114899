//! Where local mode stores its state, and which program opens a page for the person at this machine.

use std::path::{Path, PathBuf};

use super::{Environment, Finding};

const STATE: &str = "MCPIST_STATE_DIR";

/// Returns the folder for local mode's state: `MCPIST_STATE_DIR`, or the platform's default; `None` if there is no home
/// directory.
pub(super) fn directory(
    environment: Environment<'_>,
    findings: &mut Vec<Finding>,
) -> Option<PathBuf> {
    let absolute =
        |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(given) = environment(STATE) {
        let path = absolute(STATE);
        if path.is_none() {
            let message =
                format!("{given:?} is not an absolute path, such as /home/me/.local/state/mcpist");
            findings.push(Finding::new(STATE, message));
        }
        return path;
    }
    if cfg!(windows) {
        return absolute("LOCALAPPDATA").map(|local| local.join("mcpist"));
    }
    if cfg!(target_os = "macos") {
        return absolute("HOME").map(|home| home.join("Library/Application Support/mcpist"));
    }
    // The XDG Base Directory Specification: a path that is not absolute is ignored.
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("mcpist"))
}

/// Returns the program that opens an address in a browser: `BROWSER`, or the platform's own if there is a screen.
pub(super) fn browser(environment: Environment<'_>) -> Option<String> {
    if let Some(browser) = environment("BROWSER") {
        return Some(browser).filter(|browser| Path::new(browser).file_name().is_some());
    }
    if cfg!(windows) {
        return Some("explorer".to_owned());
    }
    if cfg!(target_os = "macos") {
        return Some("open".to_owned());
    }
    let has_screen =
        ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(|name| environment(name).is_some());
    has_screen.then(|| "xdg-open".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables<'a>(given: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_state_folder_is_the_given_one_or_the_platforms() {
        let check = |given: &[(&str, &str)], expected: Option<&str>, wrong: &[&str]| {
            let mut findings = Vec::new();
            let path = directory(&variables(given), &mut findings);
            assert_eq!(path.as_deref(), expected.map(Path::new), "{given:?}");
            let names: Vec<_> = findings.iter().map(|finding| finding.name.as_str()).collect();
            assert_eq!(names, wrong, "{given:?}");
        };
        check(&[], None, &[]);
        check(&[("HOME", "/home/ada")], Some("/home/ada/.local/state/mcpist"), &[]);
        check(&[("HOME", "/home/ada"), ("XDG_STATE_HOME", "/s")], Some("/s/mcpist"), &[]);
        check(
            &[("HOME", "/home/ada"), ("XDG_STATE_HOME", "s")],
            Some("/home/ada/.local/state/mcpist"),
            &[],
        );
        check(&[("HOME", "/home/ada"), (STATE, "/mine")], Some("/mine"), &[]);
        check(&[("HOME", "/home/ada"), (STATE, "mine")], None, &[STATE]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_browser_is_the_given_one_or_there_where_a_screen_is() {
        let check = |given: &[(&str, &str)], expected: Option<&str>| {
            assert_eq!(browser(&variables(given)).as_deref(), expected, "{given:?}");
        };
        check(&[], None);
        check(&[("DISPLAY", ":0")], Some("xdg-open"));
        check(&[("WAYLAND_DISPLAY", "wayland-0")], Some("xdg-open"));
        check(&[("BROWSER", "/usr/bin/firefox"), ("DISPLAY", ":0")], Some("/usr/bin/firefox"));
    }
}
