//! Accounts whose passwords cost next to nothing to check, for tests that need many logins. `ftp-admin` makes none so cheap, so the file is written by hand.

use crate::site::Site;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The password of all of them.
pub const PASSWORD: &str = "pencil";
/// Of that, with N = 2^10.
pub const HASH: &str =
    "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$6nhPEVsN+se56bORANZdgMaTpwHMOGdQtWQhkmsQvXY";

/// The accounts of a site: the id and the quota, by name.
pub type Accounts = BTreeMap<String, (u64, Option<u64>)>;

/// Accounts of these names without a quota.
#[must_use]
pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Accounts {
    (1..).zip(names).map(|(id, name)| (name.to_owned(), (id, None))).collect()
}

/// How the accounts are spelled.
#[must_use]
pub fn spelled(accounts: &Accounts) -> String {
    let mut text = "(\n    version: 1,\n    users: {\n".to_owned();
    for (name, (id, quota)) in accounts {
        let quota = quota.map_or_else(|| "None".to_owned(), |bytes| bytes.to_string());
        text += &format!("        \"{name}\": (id: {id}, password: \"{HASH}\", quota: {quota}),\n");
    }
    text + "    },\n)\n"
}

/// Puts a file in the place of the user file at once, as `ftp-admin` does.
///
/// # Panics
/// The disk fails.
pub fn replace(file: &Path, text: &str) {
    let new = file.with_extension("ron.test");
    fs::write(&new, text).expect("written");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).expect("ours");
    fs::rename(new, file).expect("renamed");
}

impl Site {
    /// The user file.
    #[must_use]
    pub fn user_file(&self) -> std::path::PathBuf {
        self.path("var/users.ron")
    }

    /// Has these accounts and no others, with a file of the password for each, as [`Site::cli`] wants it.
    ///
    /// # Panics
    /// The disk fails.
    pub fn set_accounts(&self, accounts: &Accounts) {
        for name in accounts.keys() {
            let file = self.path(&format!("{name}.pw"));
            fs::write(&file, format!("{PASSWORD}\n")).expect("written");
            fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("ours");
        }
        replace(&self.user_file(), &spelled(accounts));
    }
}
