//! What the black-box tests share: the real binaries, a place for one daemon with its users, and a screen to read.

pub mod arena;
pub mod binaries;
pub mod evil;
pub mod process;
pub mod proxy;
pub mod sample;
pub mod screen;
pub mod site;
pub mod stage;
pub mod wire;
