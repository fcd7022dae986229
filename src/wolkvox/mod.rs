//! How is the vendor asked, and what does its answer mean?
//!
//! Everything here follows the vendor's pages for `reports_manager.php` and `gamification.php`, and what
//! integrators measured. Rows are not interpreted here: they are handed on as they are parsed.

mod body;
mod client;
mod envelope;
mod failure;
mod scalar;
mod surrogates;
mod token;

pub use body::{Body, Content, Source, Streamed};
pub use client::{Call, Client, Proxies, Request, Vendor, is_loopback};
pub use envelope::{Answer, Reading, Rows, classify, read, read_streamed};
pub use failure::{Failure, Reason};
pub use scalar::Scalar;
pub use surrogates::without_lone_surrogates;
pub use token::{Token, TokenError};
