//! The lines of those who are connected: how long their packets take, and how many are lost.

use std::collections::BTreeMap;

use serde::Serialize;

use super::form::whole_average;
use super::{Printed, Question};
use crate::random::Random;

#[derive(Serialize)]
struct Lines {
    #[serde(rename = "by_agent")]
    agents: Vec<Line>,
    #[serde(rename = "by_ip")]
    addresses: Vec<Address>,
    #[serde(rename = "by_pbx")]
    extensions: Vec<Extension>,
}

#[derive(Serialize)]
struct Line {
    /// Number and name: `12004-NAME`.
    agent_id: String,
    latency_ms: String,
    ip: String,
    version: &'static str,
    agent_status: &'static str,
    tx_jitter: String,
    rx_jitter: String,
    tx_ploss: String,
    rx_ploss: String,
    network_rejection: String,
    connection_type: &'static str,
    platform: &'static str,
    last_date: String,
}

#[derive(Serialize)]
struct Address {
    ip: String,
    total_agents: String,
    average_latency: String,
    maximum: String,
    minimum: String,
    network_rejection: String,
}

#[derive(Serialize)]
struct Extension {
    user: String,
    status: &'static str,
    tx_jitter: String,
    rx_jitter: String,
    tx_ploss: String,
    rx_ploss: String,
}

/// Seconds for which a line stays as it is.
const STEADY: i64 = 300;

/// How many share the line of the office; the others are at home, each with an address of its own.
const IN_OFFICE: u64 = 60;

/// The state of one line.
struct Quality {
    latency: u64,
    rejected: u64,
    jitter: [u64; 2],
    lost: [u64; 2],
}

impl Quality {
    fn of(random: &mut Random) -> Quality {
        let poor = random.percent(8);
        Quality {
            latency: random.amount(18, 90) + if poor { random.amount(80, 400) } else { 0 },
            rejected: if poor { random.amount(1, 25) } else { 0 },
            jitter: [random.amount(0, 12), random.amount(0, 12)],
            lost: [random.amount(0, if poor { 80 } else { 6 }), random.amount(0, if poor { 80 } else { 6 })],
        }
    }

    fn written(&self) -> ([String; 2], [String; 2]) {
        (
            self.jitter.map(|jitter| jitter.to_string()),
            self.lost.map(|tenths| format!("{}.{} %", tenths / 10, tenths % 10)),
        )
    }
}

/// `latency`: one object with three lists, instead of rows. Only who is logged in has a line.
pub(super) fn latency(question: &Question) -> Printed {
    let (world, index) = (question.world, question.index);
    let Some(day) = world.day_until(index, question.now) else {
        return Printed { rows: 0, json: String::new() };
    };
    let slot = question.now.as_second().div_euclid(STEADY);
    let random = |agent: u64| world.random(&[index as u64, agent, slot.cast_unsigned(), 0x11E7]);
    let (mut by_agent, mut addresses) = (Vec::new(), BTreeMap::<String, Vec<Quality>>::new());
    for (place, agent) in world.agents(index).iter().enumerate() {
        if world.shift(index, place, &day).stretch_at(day.high).is_none() {
            continue;
        }
        let quality = Quality::of(&mut random(place as u64));
        let line = line(question, (place as u64, &agent.id, &agent.name), &quality);
        addresses.entry(line.ip.clone()).or_default().push(quality);
        by_agent.push(line);
    }
    by_agent.truncate(question.limit);
    let extensions =
        (0..world.agents(index).len() / 6).map(|place| extension(place, &mut random(u64::MAX - place as u64)));
    let lines = Lines {
        agents: by_agent,
        addresses: addresses.into_iter().map(|(ip, lines)| address(ip, &lines)).collect(),
        extensions: extensions.collect(),
    };
    let rows = lines.agents.len();
    Printed { rows, json: serde_json::to_string(&lines).unwrap_or_default() }
}

fn line(question: &Question, (place, id, name): (u64, &str, &str), quality: &Quality) -> Line {
    // Where somebody works does not change with the hour.
    let mut habits = question.world.random(&[question.index as u64, place, 0x11E8]);
    let home = format!("203.0.{}.{}", 113 + place / 250, 1 + place % 250);
    let (jitter, lost) = quality.written();
    let [tx_jitter, rx_jitter] = jitter;
    let [tx_ploss, rx_ploss] = lost;
    Line {
        agent_id: format!("{id}-{name}"),
        latency_ms: quality.latency.to_string(),
        ip: if habits.percent(IN_OFFICE) { "198.51.100.7".to_owned() } else { home },
        version: ["9.4.1", "9.4.2", "9.5.0"][habits.index(3)],
        agent_status: "connected",
        tx_jitter,
        rx_jitter,
        tx_ploss,
        rx_ploss,
        network_rejection: format!("{}%", quality.rejected),
        connection_type: if habits.percent(70) { "Ethernet" } else { "Wifi" },
        platform: if habits.percent(80) { "app" } else { "web" },
        last_date: question.wall_clock(question.now),
    }
}

fn address(ip: String, lines: &[Quality]) -> Address {
    let latencies = || lines.iter().map(|line| line.latency);
    let (count, rejected) = (lines.len() as u64, lines.iter().map(|line| line.rejected).sum());
    Address {
        ip,
        total_agents: count.to_string(),
        average_latency: whole_average(latencies().sum(), count).to_string(),
        maximum: latencies().max().unwrap_or(0).to_string(),
        minimum: latencies().min().unwrap_or(0).to_string(),
        network_rejection: format!("{}%", whole_average(rejected, count)),
    }
}

fn extension(place: usize, random: &mut Random) -> Extension {
    let connected = random.percent(85);
    let ([tx_jitter, rx_jitter], [tx_ploss, rx_ploss]) = Quality::of(random).written();
    Extension {
        user: (500 + place).to_string(),
        status: if connected { "connected" } else { "disconnected" },
        tx_jitter,
        rx_jitter,
        tx_ploss,
        rx_ploss,
    }
}
