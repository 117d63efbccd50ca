//! Guest ABI 1 for Rust: what docs/abi.md describes, without a crate. It wants the standard library, and
//! to be the module `wasmpoll` at the root of the guest. docs/languages.md introduces it.

// No guest uses all of it.
#![allow(dead_code, unused_imports, unused_macros)]

#[path = "rust/bytes.rs"]
mod bytes;
#[path = "rust/connection.rs"]
mod connection;
#[doc(hidden)]
#[path = "rust/glue.rs"]
pub mod glue;
#[path = "rust/guest.rs"]
mod guest;
#[path = "rust/host.rs"]
pub mod host;
#[path = "rust/numbers.rs"]
mod numbers;
#[doc(hidden)]
#[path = "rust/parts.rs"]
pub mod parts;

pub use bytes::*;
pub use connection::*;
pub(crate) use glue::export;
pub use guest::*;
pub use numbers::*;
