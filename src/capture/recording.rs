//! A vendor that keeps a copy of what another one answers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use url::Url;

use crate::lock;
use crate::memory::PollMemory;
use crate::wolkvox::{Answer, BodyWatch, Call, Failure, Reason, Request, Token, Vendor};

/// Passes requests on, and keeps a copy of each answer.
pub struct Recording {
    vendor: Arc<dyn Vendor>,
    /// Bytes that may still be kept, of all answers together.
    room: Arc<AtomicUsize>,
    recorded: Mutex<Vec<Recorded>>,
}

/// What one request brought.
#[derive(Debug)]
pub struct Recorded {
    base_url: Url,
    endpoint: String,
    api: String,
    token: Token,
    came: Came,
}

#[derive(Clone, Debug)]
enum Came {
    Body(Arc<Copied>),
    NoRows,
    Failed(Reason),
}

/// What is left of an answer once it was read.
#[derive(Debug, PartialEq)]
pub enum Kept {
    /// Its bytes; all of them where `whole`. A reader that gives up does not come to the end.
    Body {
        bytes: Vec<u8>,
        whole: bool,
    },
    /// It was longer than what may be kept, and nothing of it is left.
    TooLong {
        bytes: u64,
    },
    NoRows,
    Failed(Reason),
}

/// A copy that grows while its answer is read.
#[derive(Debug)]
struct Copied {
    room: Arc<AtomicUsize>,
    state: Mutex<CopyState>,
}

#[derive(Debug, Default)]
struct CopyState {
    bytes: Vec<u8>,
    came: u64,
    is_too_long: bool,
    whole: bool,
}

impl Recording {
    /// Keeps `most` bytes of answers, of all together.
    pub fn of(vendor: Arc<dyn Vendor>, most: usize) -> Recording {
        Recording { vendor, room: Arc::new(AtomicUsize::new(most)), recorded: Mutex::default() }
    }

    /// What was recorded, in the order of the requests; it is gone from here then.
    pub fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut *lock::mutex(&self.recorded))
    }

    fn record(&self, request: &Request, answer: &mut Result<Answer, Failure>) {
        let came = match answer {
            Ok(Answer::Body(body)) => {
                let copied = Arc::new(Copied { room: Arc::clone(&self.room), state: Mutex::default() });
                let watch: Arc<dyn BodyWatch> = Arc::clone(&copied) as _;
                body.watched_by(&watch);
                Came::Body(copied)
            }
            Ok(Answer::NoRows) => Came::NoRows,
            Err(failure) => Came::Failed(failure.reason),
        };
        let Request { base_url, endpoint, api, token, .. } = request.clone();
        lock::mutex(&self.recorded).push(Recorded { base_url, endpoint, api, token, came });
    }
}

impl Vendor for Recording {
    fn call<'c>(&'c self, request: &'c Request, memory: &'c Arc<PollMemory>) -> Call<'c> {
        Box::pin(async move {
            let mut answer = self.vendor.call(request, memory).await;
            self.record(request, &mut answer);
            answer
        })
    }
}

impl Recorded {
    /// Whether it answers requests for this report with this token.
    pub fn is_of(&self, base_url: &Url, token: &Token, endpoint: &str, api: &str) -> bool {
        self.base_url == *base_url && self.token == *token && self.endpoint == endpoint && self.api == api
    }

    /// What is left of it.
    pub fn into_kept(self) -> Kept {
        let copied = match self.came {
            Came::Body(copied) => copied,
            Came::NoRows => return Kept::NoRows,
            Came::Failed(reason) => return Kept::Failed(reason),
        };
        let CopyState { bytes, came, is_too_long, whole } = std::mem::take(&mut *lock::mutex(&copied.state));
        if is_too_long { Kept::TooLong { bytes: came } } else { Kept::Body { bytes, whole } }
    }
}

impl BodyWatch for Copied {
    fn see(&self, piece: Option<&[u8]>) {
        let mut state = lock::mutex(&self.state);
        let Some(piece) = piece else {
            state.whole = true;
            return;
        };
        state.came += piece.len() as u64;
        let has_room = || {
            let less = |room: usize| room.checked_sub(piece.len());
            self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
        };
        if state.is_too_long || !has_room() {
            // What others may use in its place.
            self.room.fetch_add(state.bytes.len(), Ordering::Relaxed);
            state.bytes = Vec::new();
            state.is_too_long = true;
        } else {
            state.bytes.extend_from_slice(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_over_the_bound_leaves_its_room_to_others() {
        let room = Arc::new(AtomicUsize::new(10));
        let copy = |pieces: &[&str]| {
            let copied = Arc::new(Copied { room: Arc::clone(&room), state: Mutex::default() });
            for piece in pieces {
                copied.see(Some(piece.as_bytes()));
            }
            copied.see(None);
            let recorded = Recorded {
                base_url: "http://127.0.0.1/".parse().unwrap(),
                endpoint: String::new(),
                api: String::new(),
                token: Token::parse("x").unwrap(),
                came: Came::Body(copied),
            };
            recorded.into_kept()
        };
        assert_eq!(copy(&["12345", "67890", "1", "2"]), Kept::TooLong { bytes: 12 });
        let whole = |text: &str| Kept::Body { bytes: text.as_bytes().to_vec(), whole: true };
        assert_eq!(copy(&["1234", "56"]), whole("123456"));
        assert_eq!(copy(&["12345"]), Kept::TooLong { bytes: 5 });
        assert_eq!(copy(&["1234"]), whole("1234"));
    }
}
