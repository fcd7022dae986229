//! The vendor's HTTP API: requests, and what an answer means.
//!
//! Everything here follows the vendor's pages for `reports_manager.php` and `gamification.php`, and what
//! integrators measured. Rows are not interpreted here: they are handed on as they are parsed.

mod body;
mod client;
mod envelope;
mod failure;
mod surrogates;
mod token;
mod wording;

pub use body::{Body, BodyWatch, Source, Streamed};
pub use client::{Call, Client, Proxies, Request, Vendor, is_loopback};
pub use envelope::{Answer, Reading, classify, read_answer, read_streamed, read_whole};
pub use failure::{Failure, Reason};
pub use token::{Token, TokenError};
pub use wording::Wording;
