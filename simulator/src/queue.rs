//! The queues: who waits, for how long, and who gives up. There is a rush at noon.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::calendar::Pass;
use crate::floor::Direction;
use crate::random::Random;
use crate::world::World;

/// The queues of every operation: id and name. The callbacks are of the same ones.
pub(super) const SKILLS: [(&str, &str); 5] = [
    ("7001", "Ventas"),
    ("7002", "Soporte técnico"),
    ("7003", "Cartera"),
    ("7004", "Servicio al cliente"),
    ("7005", "Retención"),
];

/// How far from noon the rush begins and ends, of a day of 24 hours.
const RUSH: i64 = 7_200;

/// Callers that gave up, per agent and day.
const ABANDONED: i64 = 4;

/// How a queue served those who are through with it: seconds waited, and how many waited so long. Callers count where
/// their call or their patience ends, so that in every window the inbound are the answered and the abandoned, and the
/// answered of all queues are the agents' inbound calls.
#[derive(Clone, Default)]
pub(super) struct Service {
    answered: BTreeMap<u64, u64>,
    abandoned: BTreeMap<u64, u64>,
}

impl Service {
    pub(super) fn answer(&mut self, waited: u64) {
        *self.answered.entry(waited).or_default() += 1;
    }

    pub(super) fn lose(&mut self, waited: u64) {
        *self.abandoned.entry(waited).or_default() += 1;
    }

    pub(super) fn merge(&mut self, other: &Service) {
        for (waited, callers) in &other.answered {
            *self.answered.entry(*waited).or_default() += callers;
        }
        for (waited, callers) in &other.abandoned {
            *self.abandoned.entry(*waited).or_default() += callers;
        }
    }

    pub(super) fn answered(&self) -> u64 {
        self.answered.values().sum()
    }

    pub(super) fn abandoned(&self) -> u64 {
        self.abandoned.values().sum()
    }

    pub(super) fn inbound(&self) -> u64 {
        self.answered() + self.abandoned()
    }

    /// How many were answered within so many seconds.
    pub(super) fn within(&self, seconds: u64) -> u64 {
        self.answered.range(..=seconds).map(|(_, callers)| callers).sum()
    }

    /// Seconds that all answered callers waited.
    pub(super) fn answer_wait(&self) -> u64 {
        self.answered.iter().map(|(waited, callers)| waited * callers).sum()
    }

    /// Seconds that all who gave up waited.
    pub(super) fn abandon_wait(&self) -> u64 {
        self.abandoned.iter().map(|(waited, callers)| waited * callers).sum()
    }
}

/// A caller who hung up before anybody answered.
pub(super) struct Abandoned {
    pub(super) arrival: i64,
    /// When the caller hung up.
    pub(super) at: i64,
    pub(super) skill: usize,
    /// The last digits of the caller's number.
    pub(super) customer: u64,
}

/// How much of a rush there is at a second of a day of that length: 0 to 100, most at noon.
fn rush(second: i64, length: i64) -> i64 {
    let breadth = (RUSH * length / 86_400).max(1);
    (breadth - (second - length / 2).abs()).max(0) * 100 / breadth
}

/// Seconds until somebody is free for a caller.
pub(super) fn wait(random: &mut Random, second: i64, length: i64) -> i64 {
    let rush = rush(second, length);
    let short = random.between(0, 18 + rush / 4);
    let long = random.between(20, 60 + rush * 3);
    if random.percent(10 + rush.unsigned_abs() * 3 / 4) { long } else { short }
}

/// Everybody who gives up on a day of that length. The key is its seed, operation and beginning.
pub(super) fn abandoned(key: [u64; 3], length: i64, agents: usize) -> Vec<Abandoned> {
    let mut random = Random::of(&[key[0], key[1], key[2], 0xA_BA4, 0]);
    let callers = ABANDONED * i64::try_from(agents).unwrap_or(0);
    (0..callers).map(|_| gives_up(&mut random, length)).collect()
}

fn gives_up(random: &mut Random, length: i64) -> Abandoned {
    let breadth = RUSH * length / 86_400;
    let any = random.between(0, length - 2);
    let noon = length / 2 + random.between(-breadth, breadth);
    let arrival = if random.percent(60) { noon.clamp(0, (length - 2).max(0)) } else { any };
    let patience = random.between(5, 45 + rush(arrival, length) * 2);
    let at = (arrival + patience).min(length - 1);
    Abandoned { arrival, at, skill: random.index(SKILLS.len()), customer: random.amount(0, 9_999) }
}

impl World {
    /// How each queue served its callers, in the order of `SKILLS`.
    pub(super) fn service(&self, operation: usize, seen: &[Pass]) -> Vec<Service> {
        let mut services = vec![Service::default(); SKILLS.len()];
        self.each_shift(operation, seen, |_, span, shift| {
            for call in shift.calls_within(span).filter(|call| call.direction == Direction::Inbound) {
                services[call.skill].answer(call.wait.unsigned_abs());
            }
        });
        for (from, to) in seen {
            for span in self.spans(operation, *from, *to) {
                let callers = abandoned(self.day_key(operation, &span), span.length, self.agents(operation).len());
                for caller in callers.iter().filter(|caller| span.contains(caller.at)) {
                    services[caller.skill].lose((caller.at - caller.arrival).unsigned_abs());
                }
            }
        }
        services
    }

    /// How many wait in each queue at this instant: they came, nobody answered yet, and they did not give up yet.
    pub(super) fn queued(&self, operation: usize, now: Timestamp) -> [u64; SKILLS.len()] {
        let mut queued = [0; SKILLS.len()];
        let Some(span) = self.day_until(operation, now) else {
            return queued;
        };
        let agents = self.agents(operation).len();
        for agent in 0..agents {
            for call in self.shift(operation, agent, &span).calls.iter().filter(|call| call.waits_at(span.high)) {
                queued[call.skill] += 1;
            }
        }
        for caller in abandoned(self.day_key(operation, &span), span.length, agents) {
            queued[caller.skill] += u64::from((caller.arrival..caller.at).contains(&span.high));
        }
        queued
    }
}
