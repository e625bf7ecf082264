//! The user file: what is accepted is within bounds and reads the same when it is written, what is not is told in printable words.
#![no_main]

use ftp_core::account::password::PasswordHash;
use ftp_core::account::user_file::{USERS, Users};
use ftp_fuzz::is_plain;
use ftp_fuzz::memory::within;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = Path::new("users.ron");
    within(256 * 1024 + 256 * data.len(), || match Users::parse(file, text) {
        Ok(users) => {
            assert!(users.users.len() <= USERS);
            let again = users.to_text(file).expect("few accounts");
            assert_eq!(Users::parse(file, &again).expect("what is written can be read"), users);
            for user in users.users.values() {
                let decoy = user.password.decoy();
                assert_eq!(decoy.as_str().len(), user.password.as_str().len(), "a decoy has the same shape");
                assert_eq!(PasswordHash::parse(decoy.as_str()), Ok(decoy));
            }
        }
        Err(fault) => {
            assert!(fault.0.starts_with("users.ron:"), "{}", fault.0);
            assert!(fault.0.lines().count() == 2 && fault.0.lines().all(is_plain), "{:?}", fault.0);
        }
    });
});
