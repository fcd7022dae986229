//! Time: the clocks, the windows that reports cover, and what is polled over them.

mod clock;
mod target;
mod window;

pub use clock::{Clock, Moment, unix_seconds, until, whole_second, whole_seconds};
pub use target::Target;
pub use window::{TimeRange, Window, WindowName, day_of, end_of, midnight_before, next_midnight};
