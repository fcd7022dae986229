//! The dialling campaigns: which calls out a machine tried, and how they ended.

use jiff::Timestamp;

use crate::calendar::{Pass, Span};
use crate::floor::{Call, Direction};
use crate::random::Random;
use crate::world::World;

/// A list of customers that a machine dials.
pub(super) struct Campaign {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// Which of `SKILLS` it connects to.
    pub(super) skill: usize,
    pub(super) speed: u64,
    /// Customers to call a day, per agent.
    per_agent: u64,
    /// Whether anybody ever starts it.
    runs: bool,
}

/// The first one runs out of customers in the afternoon and dials them again; the last one is never started.
pub(super) const CAMPAIGNS: [Campaign; 3] = [
    Campaign { id: "32841", name: "Cobranza preventiva", skill: 2, speed: 3, per_agent: 12, runs: true },
    Campaign { id: "32842", name: "Retención de planes", skill: 4, speed: 2, per_agent: 60, runs: true },
    Campaign { id: "32843", name: "Encuesta de salida", skill: 3, speed: 1, per_agent: 10, runs: false },
];

/// How a call out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Answer,
    NoAnswer,
    Busy,
    Congestion,
    AnswerMachine,
    DoNotCall,
    /// The customer answered, and left before any agent was free.
    Abandon,
    Cancelled,
    NoChannel,
}

/// The outcomes in the order reports list them.
pub(super) const OUTCOMES: [Outcome; 9] = [
    Outcome::Answer,
    Outcome::NoAnswer,
    Outcome::Busy,
    Outcome::Congestion,
    Outcome::AnswerMachine,
    Outcome::DoNotCall,
    Outcome::Abandon,
    Outcome::Cancelled,
    Outcome::NoChannel,
];

/// A call out; it counts where it ends.
pub(super) struct Attempt {
    pub(super) at: i64,
    /// Which of `CAMPAIGNS`; an agent dialled where there is none.
    pub(super) campaign: Option<usize>,
    pub(super) outcome: Outcome,
    pub(super) hit: bool,
    /// Seconds that a customer who left had waited for an agent.
    pub(super) wait: u64,
    /// The last digits of the customer's number.
    pub(super) customer: u64,
}

/// Calls out a day, per agent, in which no agent speaks with anybody: so many of each running campaign, and as many
/// that agents dialled.
const UNANSWERED: i64 = 12;

/// From when to when campaigns dial: 08:00 to 20:00 of a day of 24 hours.
fn hours(length: i64) -> (i64, i64) {
    (length / 3, length * 5 / 6)
}

/// Which campaign dialled a call that an agent took.
pub(super) fn dialler(random: &mut Random, (start, at): (i64, i64), length: i64) -> Option<usize> {
    let (open, close) = hours(length);
    let campaign = random.index(2);
    random.percent(70).then_some(campaign).filter(|_| open <= start && at < close)
}

impl Campaign {
    /// Whether it dials at the end of this span.
    pub(super) fn started(&self, span: &Span) -> bool {
        let (open, close) = hours(span.length);
        self.runs && (open..close).contains(&span.high)
    }

    /// Customers on its list.
    pub(super) fn records(&self, agents: usize) -> u64 {
        self.per_agent * agents as u64
    }
}

impl Attempt {
    fn answered(call: &Call) -> Attempt {
        let Call { at, campaign, hit, customer, .. } = *call;
        Attempt { at, campaign, outcome: Outcome::Answer, hit, wait: 0, customer }
    }
}

/// The calls out of a day that reached no agent. The key is its seed, operation and beginning.
fn unanswered(key: [u64; 3], length: i64, agents: usize) -> Vec<Attempt> {
    let mut random = Random::of(&[key[0], key[1], key[2], 0xD1A1, 0]);
    let running = (0..CAMPAIGNS.len()).filter(|campaign| CAMPAIGNS[*campaign].runs).map(Some);
    let each = UNANSWERED * i64::try_from(agents).unwrap_or(0);
    let dialled = running.chain([None]).flat_map(|campaign| (0..each).map(move |_| campaign));
    dialled.map(|campaign| attempt(&mut random, campaign, length)).collect()
}

fn attempt(random: &mut Random, campaign: Option<usize>, length: i64) -> Attempt {
    let (open, close) = hours(length);
    let at = random.between(open, close - 1);
    let machine = match random.amount(0, 99) {
        0..48 => Outcome::NoAnswer,
        48..68 => Outcome::Busy,
        68..76 => Outcome::Congestion,
        76..92 => Outcome::AnswerMachine,
        92..95 => Outcome::DoNotCall,
        _ => Outcome::Abandon,
    };
    let person = match random.amount(0, 99) {
        0..60 => Outcome::NoAnswer,
        60..80 => Outcome::Busy,
        80..95 => Outcome::Cancelled,
        _ => Outcome::NoChannel,
    };
    let outcome = if campaign.is_some() { machine } else { person };
    Attempt { at, campaign, outcome, hit: false, wait: random.amount(2, 20), customer: random.amount(0, 9_999) }
}

impl World {
    /// The calls out that ended in these stretches of time: those that an agent took, then those that nobody did.
    pub(super) fn attempts(&self, operation: usize, seen: &[Pass]) -> Vec<(Timestamp, Attempt)> {
        let mut attempts = Vec::new();
        self.each_shift(operation, seen, |_, span, shift| {
            let out = shift.calls_within(span).filter(|call| call.direction == Direction::Outbound);
            attempts.extend(out.map(Attempt::answered).map(|attempt| (span.at(attempt.at), attempt)));
        });
        for (from, to) in seen {
            for span in self.spans(operation, *from, *to) {
                let dialled = unanswered(self.day_key(operation, &span), span.length, self.agents(operation).len());
                let dialled = dialled.into_iter().filter(|attempt| span.contains(attempt.at));
                attempts.extend(dialled.map(|attempt| (span.at(attempt.at), attempt)));
            }
        }
        attempts
    }
}
