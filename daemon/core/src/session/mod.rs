//! The native protocol's session.
