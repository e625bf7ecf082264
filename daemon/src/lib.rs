//! The daemon and its administration tool: sockets, threads, configuration, logs.

pub mod admin;
pub mod config;
