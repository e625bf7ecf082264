//! The client's config: where downloads go and uploads come from.

use crate::failure::{Failure, shown};
use ftp_proto::{Printable, UserName};
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The largest config that is read, in bytes.
const FILE: u64 = 64 * 1024;

/// What becomes the user's name.
const USER: &str = "{user}";

/// What the config says. Paths are relative to the folder in which the client is started.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where `get` puts files; `{user}` becomes the user's name. Made when it is missing.
    pub download: String,
    /// Where `put` takes files from; `{user}` becomes the user's name. Made when it is missing.
    pub upload: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { download: ".".into(), upload: ".".into() }
    }
}

impl Config {
    /// Reads the config that was named, or the first of `etc/ftp-cli.ron` and `~/.config/ftp-cli/ftp-cli.ron` that is there, or takes the defaults.
    ///
    /// # Errors
    /// It cannot be read, or says something that is not known.
    pub fn load(named: Option<&Path>) -> Result<Self, Failure> {
        let places = named.map_or_else(
            || [Some("etc/ftp-cli.ron".into()), home(".config", "XDG_CONFIG_HOME", "ftp-cli/ftp-cli.ron")],
            |file| [Some(file.to_owned()), None],
        );
        for file in places.into_iter().flatten() {
            let opened = match File::open(&file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => continue,
                opened => opened,
            };
            let mut text = String::new();
            opened
                .and_then(|opened| opened.take(FILE).read_to_string(&mut text))
                .map_err(|error| Failure::usage(format!("{}: {error}", shown(&file))))?;
            return Self::parse(&file, &text);
        }
        Ok(Self::default())
    }

    /// Reads a text that came from `file`.
    ///
    /// # Errors
    /// It says something that is not known.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Failure> {
        let config: Self = ron::from_str(text).map_err(|error| {
            Failure::usage(format!("{}: {error}", shown(file))).hint("etc/ftp-cli.ron shows every key")
        })?;
        for template in [&config.download, &config.upload] {
            if template.replace(USER, "").contains(['{', '}']) {
                let what = format!("{}: '{}' has braces other than {USER}", shown(file), Printable(template));
                return Err(Failure::usage(what).hint("only the user's name can be filled in"));
            }
        }
        Ok(config)
    }

    /// The folder for `user`'s downloads.
    ///
    /// # Errors
    /// It is missing and cannot be made.
    pub fn download(&self, user: &UserName) -> Result<PathBuf, Failure> {
        folder(&self.download, user)
    }

    /// The folder of what `user` uploads.
    ///
    /// # Errors
    /// As [`Config::download`].
    pub fn upload(&self, user: &UserName) -> Result<PathBuf, Failure> {
        folder(&self.upload, user)
    }
}

fn folder(template: &str, user: &UserName) -> Result<PathBuf, Failure> {
    let folder = PathBuf::from(template.replace(USER, user.as_str()));
    fs::create_dir_all(&folder).map_err(|error| Failure::local(&folder, "make the folder", &error))?;
    Ok(folder)
}

/// A file in one of the user's own folders, as the XDG Base Directory Specification places them.
#[must_use]
pub fn home(folder: &str, variable: &str, file: &str) -> Option<PathBuf> {
    let own = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let own = own.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(folder)));
    own.map(|own| own.join(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_take_the_users_name_and_a_slip_is_refused() {
        let place = tempfile::tempdir().expect("a folder");
        let file = place.path().join("c.ron");
        let text = format!("(download: \"{}/down/{{user}}\")", place.path().display());
        fs::write(&file, text).expect("written");
        let config = Config::load(Some(&file)).expect("good");
        let user = UserName::new("alice").expect("a name");
        let folder = config.download(&user).expect("made");
        assert_eq!(folder, place.path().join("down/alice"));
        assert!(folder.is_dir() && config.upload == ".");
        fs::write(&file, "(downlod: \"x\")").expect("written");
        let refused = Config::load(Some(&file)).expect_err("a slip").to_string();
        assert!(refused.contains("1:") && refused.contains("downlod"), "{refused}");
        assert!(Config::load(Some(&place.path().join("none"))).is_err());
        let refused = Config::parse(&file, "(upload: \"up/{usr}\")").expect_err("a slip").to_string();
        assert!(refused.contains("up/{usr}") && refused.contains("{user}"), "{refused}");
    }

    #[test]
    fn the_shipped_config_has_the_defaults() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/ftp-cli.ron");
        let config = Config::load(Some(&shipped)).expect("good");
        assert_eq!((config.download.as_str(), config.upload.as_str()), (".", "."));
    }
}
