//! What the tests stand on, and what is no test itself.

pub mod boards;
pub mod browser;
pub mod captured;
pub mod certificates;
pub mod child;
pub mod forty;
pub mod harness;
pub mod home;
pub mod hostile;
pub mod http;
pub mod in_process;
pub mod pages;
pub mod past;
pub mod paused_time;
pub mod reference;
pub mod scraped;
