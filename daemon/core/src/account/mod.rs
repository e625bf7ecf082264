//! Who may log in: the user file, passwords, and the penalties of those who guess.

pub mod password;
pub mod penalties;
pub mod ron_text;
pub mod user_file;
