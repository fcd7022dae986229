//! How much memory answers in flight, and what is served of them, may take all together.
//!
//! ```text
//! limits.memory  = 1/8 small polls + 1/2 large polls + 3/8 what is served
//!                  512 KiB each      ≤ 32 MiB each     deflated series, and info entries as text
//! ```
//!
//! A poll takes a small place when its answer begins to come in: servers that do not answer hold nothing. Where the answer,
//! the groups added up from it, and the series rendered of those take more, it waits for one of the few large places, and
//! fails where it would take more than that. Nobody in a large place waits for another, so polls that wait cannot wait
//! for each other.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use procfs::Current;
use procfs::process::{LimitValue, Process};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::lock;

/// Most that a small poll takes: an answer about a hundred agents, twice over.
const SMALL_POLL: usize = 512 * 1024;
/// Most that a large poll takes: 60,000 rows, the vendor's limit, need about half of it.
const LARGE_POLL: usize = 32 << 20;
/// Of what is served, memory is counted in pieces of this size.
const SERVED_PIECE: usize = 1024;
/// Longest wait for a large place: as long as the vendor may take for an answer.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// The least that can be asked for: two large polls of 4 MiB, each as much as 10,000 rows need.
pub const LEAST_TOTAL: usize = 16 << 20;
/// More is only taken where the config asks for it.
const DEFAULT_MOST: usize = 1 << 30;
/// Its part of what the process may use at all: the rest is for connections, for the program itself and for the
/// allocator, which keeps more than it gave out.
const DEFAULT_SHARE: usize = 2;

/// The bound, and who takes what of it.
#[derive(Debug)]
pub struct Memory {
    small_poll: usize,
    large_poll: usize,
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    served: Arc<Semaphore>,
}

/// Why memory cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum MemoryError {
    #[error("the answer and its series take more than {0} bytes of memory")]
    TooLarge(usize),
    #[error("other answers held the memory for {} s", LONGEST_WAIT.as_secs())]
    Busy,
    #[error("no memory is left for {0} bytes of series beside what is served already")]
    Full(usize),
}

/// What keeps the memory of served series counted; given back when the series are dropped.
pub type ServedMemory = Arc<OwnedSemaphorePermit>;

/// What one poll takes, all of its shares together.
#[derive(Debug)]
pub struct PollMemory {
    memory: Arc<Memory>,
    used: AtomicUsize,
    places: Mutex<Places>,
}

/// The places that a poll holds.
#[derive(Debug, Default)]
struct Places {
    small: Option<OwnedSemaphorePermit>,
    large: Option<OwnedSemaphorePermit>,
}

/// What one part of a poll takes: a body, the groups of an answer, rendered series. Given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    poll: Arc<PollMemory>,
    bytes: AtomicUsize,
}

impl Memory {
    /// `total` bytes in all; at least [`LEAST_TOTAL`].
    pub fn new(total: usize) -> Memory {
        let total = total.max(LEAST_TOTAL);
        let large_poll = LARGE_POLL.min(total / 4);
        Memory {
            small_poll: SMALL_POLL,
            large_poll,
            small: Arc::new(Semaphore::new(total / 8 / SMALL_POLL)),
            large: Arc::new(Semaphore::new(total / 2 / large_poll)),
            served: Arc::new(Semaphore::new(total / 8 * 3 / SERVED_PIECE)),
        }
    }

    /// No bound at all, for tests, benchmarks and what is not a poll.
    pub fn unbounded() -> Memory {
        let all = || Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        Memory { small_poll: usize::MAX, large_poll: usize::MAX, small: all(), large: all(), served: all() }
    }

    /// Most that one answer may take as it came, before its rows are added up while it still comes in.
    pub fn whole_body(&self) -> usize {
        self.large_poll / 4
    }

    /// For a poll that holds nothing yet.
    pub fn poll(self: &Arc<Memory>) -> Arc<PollMemory> {
        Arc::new(PollMemory { memory: Arc::clone(self), used: AtomicUsize::new(0), places: Mutex::default() })
    }

    /// Counts what is served from now on.
    pub fn served(&self, bytes: usize) -> Result<ServedMemory, MemoryError> {
        let pieces = u32::try_from(bytes.div_ceil(SERVED_PIECE)).map_err(|_| MemoryError::Full(bytes))?;
        let permit = Arc::clone(&self.served).try_acquire_many_owned(pieces);
        permit.map(Arc::new).map_err(|_| MemoryError::Full(bytes))
    }
}

impl PollMemory {
    /// Without a bound, for what is not a poll.
    pub fn unbounded() -> Arc<PollMemory> {
        Arc::new(Memory::unbounded()).poll()
    }

    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// A share of nothing, to be resized.
    pub fn share(self: &Arc<PollMemory>) -> Share {
        Share { poll: Arc::clone(self), bytes: AtomicUsize::new(0) }
    }

    /// Leaves to others the places that are not needed any more: the next request's answer may be long in coming.
    pub fn give_back(&self) {
        let (used, mut places) = (self.used.load(Ordering::Relaxed), self.places());
        if used == 0 {
            *places = Places::default();
        } else if used <= self.memory.small_poll && places.small.is_some() {
            places.large = None;
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        lock::mutex(&self.places)
    }

    fn bound(&self) -> usize {
        match &*self.places() {
            Places { large: Some(_), .. } => self.memory.large_poll,
            Places { small: Some(_), .. } => self.memory.small_poll,
            Places { .. } => 0,
        }
    }

    /// The places of which one has room for `bytes`.
    fn needed(&self, bytes: usize) -> &Arc<Semaphore> {
        if bytes <= self.memory.small_poll { &self.memory.small } else { &self.memory.large }
    }

    fn take(&self, bytes: usize, permit: OwnedSemaphorePermit) {
        let mut places = self.places();
        let place = if bytes <= self.memory.small_poll { &mut places.small } else { &mut places.large };
        *place = Some(permit);
    }

    /// Takes a place with room for `bytes`; waits until there is one.
    async fn wait_for(&self, bytes: usize) -> Result<(), MemoryError> {
        let waiting = Arc::clone(self.needed(bytes)).acquire_owned();
        let permit = timeout(LONGEST_WAIT, waiting).await.map_err(|_| MemoryError::Busy)?;
        self.take(bytes, permit.expect("nobody closes it"));
        Ok(())
    }
}

impl Share {
    /// Takes or gives back what makes it `bytes`; waits for a place where it needs one.
    pub async fn resize(&self, bytes: usize) -> Result<(), MemoryError> {
        while let Some(all) = self.try_resize(bytes)? {
            self.poll.wait_for(all).await?;
        }
        Ok(())
    }

    /// The same on a thread that may be blocked.
    pub fn resize_blocking(&self, bytes: usize) -> Result<(), MemoryError> {
        while let Some(all) = self.try_resize(bytes)? {
            match Arc::clone(self.poll.needed(all)).try_acquire_owned() {
                Ok(permit) => self.poll.take(all, permit),
                Err(_) => Handle::current().block_on(self.poll.wait_for(all))?,
            }
        }
        Ok(())
    }

    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Takes or gives back, if the poll's place has room for it. If not, the room that all of the poll needs; an error
    /// where no place has that.
    fn try_resize(&self, bytes: usize) -> Result<Option<usize>, MemoryError> {
        let held = self.bytes.load(Ordering::Relaxed);
        let (poll, bound) = (&self.poll, self.poll.bound());
        let resized = |used: usize| (used - held).saturating_add(bytes);
        let fit = |used: usize| Some(resized(used)).filter(|all| *all <= bound || bytes <= held);
        match poll.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fit) {
            Ok(_) => {
                self.bytes.store(bytes, Ordering::Relaxed);
                Ok(None)
            }
            Err(used) if resized(used) <= poll.memory.large_poll => Ok(Some(resized(used))),
            Err(_) => Err(MemoryError::TooLarge(poll.memory.large_poll)),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.poll.used.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

/// What `limits.memory` is where the config does not say: half of what this process may use, and at most 1 GiB.
pub fn default_total() -> usize {
    let usable = usable().map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    (usable / DEFAULT_SHARE).clamp(LEAST_TOTAL, DEFAULT_MOST)
}

/// The least of what the machine has, what its cgroups allow, and what `ulimit -v` allows. `None` where nothing says.
pub fn usable() -> Option<u64> {
    let machine = procfs::Meminfo::current().ok().map(|memory| memory.mem_total);
    let process = Process::myself().ok();
    let address_space =
        process.as_ref().and_then(|process| match process.limits().ok()?.max_address_space.soft_limit {
            LimitValue::Value(bytes) => Some(bytes),
            LimitValue::Unlimited => None,
        });
    let groups = process.and_then(|process| process.cgroups().ok());
    let groups = groups.iter().flat_map(|groups| &groups.0).filter_map(|group| {
        let mount = Path::new("/sys/fs/cgroup");
        match &group.controllers[..] {
            [] => least_in(mount, &group.pathname, "memory.max"),
            controllers if controllers.iter().any(|one| one == "memory") => {
                least_in(&mount.join("memory"), &group.pathname, "memory.limit_in_bytes")
            }
            _ => None,
        }
    });
    machine.into_iter().chain(address_space).chain(groups).min()
}

/// The least limit of a group and of those above it. Inside a container the path may be the host's, and what is
/// mounted is the container's own group: what is not there says nothing.
fn least_in(mount: &Path, group: &str, file: &str) -> Option<u64> {
    let folder: PathBuf = mount.join(group.trim_start_matches('/'));
    let limits = folder.ancestors().take_while(|above| above.starts_with(mount));
    limits.filter_map(|above| fs::read_to_string(above.join(file)).ok()?.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[tokio::test]
    async fn a_poll_grows_from_small_to_large_and_gives_back_what_it_took() {
        let memory = Arc::new(Memory::new(16 * MIB));
        let free = || (memory.small.available_permits(), memory.large.available_permits());
        let poll = memory.poll();
        let (body, groups) = (poll.share(), poll.share());
        assert_eq!(free(), (4, 2), "nothing came yet");
        body.resize(1000).await.unwrap();
        assert_eq!(free(), (3, 2));
        body.resize(MIB).await.unwrap();
        assert_eq!(free(), (3, 1));
        assert_eq!(groups.resize_blocking(3 * MIB + 1), Err(MemoryError::TooLarge(4 * MIB)));
        drop(body);
        groups.resize_blocking(3 * MIB + 1).unwrap();
        poll.give_back();
        assert_eq!(free(), (3, 1), "the large place is needed");
        groups.resize_blocking(1).unwrap();
        poll.give_back();
        assert_eq!(free(), (3, 2));
        drop(groups);
        poll.give_back();
        assert_eq!(free(), (4, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_waits_for_a_large_place_and_is_told_when_there_was_none() {
        let memory = Arc::new(Memory::new(16 * MIB));
        let mut held = Vec::new();
        for _ in 0..2 {
            let share = memory.poll().share();
            share.resize(MIB).await.unwrap();
            held.push(share);
        }
        let waiting = memory.poll().share();
        assert_eq!(waiting.resize(MIB).await, Err(MemoryError::Busy));
        let (grown, ()) = tokio::join!(waiting.resize(MIB), async { drop(held.pop()) });
        grown.unwrap();
    }

    #[test]
    fn what_is_served_is_counted_until_it_is_dropped() {
        let memory = Memory::new(16 * MIB);
        let first = memory.served(5 * MIB).unwrap();
        assert_eq!(memory.served(2 * MIB).unwrap_err(), MemoryError::Full(2 * MIB));
        drop(first);
        memory.served(6 * MIB).unwrap();
    }

    #[test]
    fn the_parts_of_the_bound_add_up_to_it() {
        for total in [16 * MIB, 100 * MIB, 128 * MIB, 1024 * MIB] {
            let memory = Memory::new(total);
            let parts = memory.small.available_permits() * memory.small_poll
                + memory.large.available_permits() * memory.large_poll
                + memory.served.available_permits() * SERVED_PIECE;
            assert!(parts <= total && parts > total / 10 * 8, "{parts} of {total}");
            assert!(memory.large.available_permits() >= 2);
        }
    }

    #[test]
    fn the_least_limit_of_a_group_and_those_above_it_counts() {
        let mount = tempfile::tempdir().unwrap();
        fs::create_dir_all(mount.path().join("a/b")).unwrap();
        fs::write(mount.path().join("memory.max"), "max\n").unwrap();
        fs::write(mount.path().join("a/memory.max"), "268435456\n").unwrap();
        fs::write(mount.path().join("a/b/memory.max"), "536870912\n").unwrap();
        assert_eq!(least_in(mount.path(), "/a/b", "memory.max"), Some(256 << 20));
        assert_eq!(least_in(mount.path(), "/../elsewhere", "memory.max"), None);
        assert!(usable().unwrap() > 16 << 20);
    }
}
