//! The daemon and its administration tool: sockets, threads, configuration, logs.

pub mod admin;
pub mod cert;
pub mod config;
pub mod control;
pub mod daemon;
pub mod descriptors;
pub mod logging;
pub mod manual;
pub mod reactor;
pub mod sandbox;
pub mod tls;
