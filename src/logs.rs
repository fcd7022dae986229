//! Logs: lines on standard error, written by a thread that nobody waits for.
//!
//! A write into a pipe that is not read waits for ever. So lines wait in memory and one thread alone writes them:
//! a poll, a scrape or the end of the process never waits for standard error. What finds no room is dropped and counted.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::cli::LogFormat;
use crate::lock;
use crate::telemetry::log;

/// Bytes that wait: some four thousand lines.
const ROOM: usize = 1 << 20;
/// Before the next try, where standard error is not blocking and full.
const PAUSE: Duration = Duration::from_millis(20);

/// Logging to standard error. Dropped, it waits until every line is written, but not for ever.
pub struct Logs {
    queue: Arc<Queue>,
    /// How long the last lines are waited for.
    pub patience: Duration,
}

impl Logs {
    /// Starts logging. Only the exporter's own events are written: a library's could hold a URL or a header.
    pub fn start(level: Level, format: LogFormat, patience: Duration) -> io::Result<Logs> {
        let logs = Logs { queue: Arc::default(), patience };
        let queue = Arc::clone(&logs.queue);
        thread::Builder::new().name("log".to_owned()).spawn(move || queue.write_to(io::stderr()))?;
        let queue = Arc::clone(&logs.queue);
        let lines = move || Line(Arc::clone(&queue));
        let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::from_level(level));
        let layer = match format {
            LogFormat::Logfmt => tracing_logfmt::builder()
                .with_target(false)
                .with_span_name(false)
                .layer()
                .log_internal_errors(false)
                .with_writer(lines)
                .boxed(),
            LogFormat::Json => fmt::layer()
                .json()
                .flatten_event(true)
                .with_target(false)
                .log_internal_errors(false)
                .with_writer(lines)
                .boxed(),
        };
        tracing_subscriber::registry().with(layer.with_filter(own)).init();
        // The way that panics take by default leads straight to standard error.
        std::panic::set_hook(Box::new(log::panicked));
        Ok(logs)
    }

    /// Says something to whoever started the process, behind the lines that wait. It always finds room.
    pub fn say(&self, text: &str) {
        self.queue.waiting().text.extend_from_slice(text.as_bytes());
        self.queue.more.notify_one();
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.queue.wait(self.patience);
    }
}

/// Lines on their way to standard error.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// There is something to write.
    more: Condvar,
    /// Nothing is left to write.
    done: Condvar,
}

#[derive(Default)]
struct Waiting {
    text: Vec<u8>,
    /// Whether something was taken out and is still being written.
    writing: bool,
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock::mutex(&self.waiting)
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        if waiting.text.len() + line.len() > ROOM {
            return log::lines_dropped(1);
        }
        waiting.text.extend_from_slice(line);
        self.more.notify_one();
    }

    /// Takes out everything that waits, as soon as there is something, or at once.
    fn take(&self, at_once: bool) -> Vec<u8> {
        let mut waiting = self.waiting();
        waiting.writing = at_once;
        if !at_once && waiting.text.is_empty() {
            self.done.notify_all();
        }
        let waiting = self.more.wait_while(waiting, |waiting| !at_once && waiting.text.is_empty());
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.writing = true;
        std::mem::take(&mut waiting.text)
    }

    fn wait(&self, patience: Duration) {
        let is_left = |waiting: &mut Waiting| waiting.writing || !waiting.text.is_empty();
        drop(self.done.wait_timeout_while(self.waiting(), patience, is_left));
    }

    /// Writes what comes, for ever.
    fn write_to(&self, mut out: impl Write) {
        let (mut told, mut is_read) = (log::dropped_lines(), false);
        loop {
            let text = self.take(is_read && log::dropped_lines() > told);
            // Where lines are missing stands one that says so. There is room for it, since all others were just taken out;
            // and where nothing can be written, it would only be one more that is lost.
            let dropped = log::dropped_lines();
            if is_read && dropped > told {
                log::tell_dropped(dropped - told);
                told = dropped;
            }
            let lost = write(&mut out, &text);
            log::lines_dropped(lost);
            is_read = lost == 0;
        }
    }
}

/// Writes all of a text, or as much as can be; says how many lines could not.
fn write(out: &mut impl Write, mut text: &[u8]) -> u64 {
    while !text.is_empty() {
        match out.write(text) {
            Ok(0) => break,
            Ok(written) => text = &text[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Somebody who shares the pipe made it so.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(_) => break,
        }
    }
    (text.split(|&byte| byte == b'\n').count() - 1) as u64
}

/// Takes one line, whole.
struct Line(Arc<Queue>);

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::time::Instant;

    use super::*;

    /// Blocks its writer until it is read, and refuses it once the reader is gone.
    fn queue_to_a_pipe() -> (Arc<Queue>, io::PipeReader) {
        let (reader, writer) = io::pipe().unwrap();
        let queue = Arc::<Queue>::default();
        let writing = Arc::clone(&queue);
        thread::spawn(move || writing.write_to(writer));
        (queue, reader)
    }

    fn line(number: usize) -> String {
        format!("line {number} {}\n", "x".repeat(200))
    }

    #[test]
    fn lines_that_nobody_reads_hold_up_nobody_and_those_that_found_room_come_whole_and_in_order() {
        let (queue, mut reader) = queue_to_a_pipe();
        let count = 2 * ROOM / line(0).len();
        let before = log::dropped_lines();
        for number in 0..count {
            queue.push(line(number).as_bytes());
        }
        let dropped = usize::try_from(log::dropped_lines() - before).unwrap();
        assert!(dropped > 0, "nothing was dropped of {count} lines");
        let started = Instant::now();
        queue.wait(Duration::from_millis(50));
        assert!(started.elapsed() < Duration::from_secs(10), "the end waits for ever");
        let mut numbers = Vec::new();
        for text in BufReader::new(&mut reader).lines().take(count - dropped) {
            let text = text.unwrap();
            let number = text.split(' ').nth(1).and_then(|number| number.parse().ok()).unwrap();
            assert_eq!(format!("{text}\n"), line(number), "a line is cut");
            numbers.push(number);
        }
        // Which lines found room depends on how soon the pipe took some.
        assert!(numbers.is_sorted(), "lines are in another order");
        queue.wait(Duration::MAX);
        drop(reader);
        queue.push(b"nobody is there\n");
        queue.wait(Duration::MAX);
        assert!(log::dropped_lines() - before > dropped as u64, "a line that could not be written is not counted");
    }
}
