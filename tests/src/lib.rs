//! What the black-box tests share: the real binaries, a place for one daemon with its users, and a screen to read.

pub mod accounts;
pub mod binaries;
pub mod proxy;
pub mod sample;
pub mod screen;
pub mod site;
pub mod wire;
