//! What the black-box tests share: the real binaries, a place for one daemon with its users, and a screen to read.

pub mod accounts;
pub mod arena;
pub mod binaries;
pub mod crowd;
pub mod errand;
pub mod evil;
pub mod faulty;
pub mod ground;
pub mod json;
pub mod landlock;
pub mod manuals;
pub mod network;
pub mod oracle;
pub mod power;
pub mod process;
pub mod proxy;
pub mod quiet;
pub mod ranks;
pub mod sample;
pub mod screen;
pub mod script;
pub mod sheet;
pub mod site;
pub mod stage;
pub mod upload;
pub mod wire;
