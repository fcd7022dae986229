//! Chats, and interactions that are no chats: mail and what comes from social networks.

use crate::plan::Plan;
use crate::queue::{SKILLS, Service};
use crate::random::Random;

/// The channels of chats.
pub(super) const CHAT_CHANNELS: [&str; 4] = ["facebook", "instagram", "web", "whatsapp"];

/// The channels of interactions, as the vendor writes them.
pub(super) const CHANNELS: [&str; 4] = ["Email", "facebook_page", "instagram", "twitter"];

/// How long a conversation that nobody ends stays open.
const AUTOMATIC_CLOSE: u64 = 23 * 3_600;

/// A chat, which counts where it is closed.
pub(super) struct Chat {
    pub(super) at: i64,
    /// Which of `CHAT_CHANNELS`.
    pub(super) channel: usize,
    pub(super) skill: usize,
    /// From its first message to its closing; it may have begun on the day before.
    pub(super) life: u64,
    pub(super) wait: u64,
    pub(super) transferred: bool,
    /// Nobody answered before the customer left: not one of the agent's chats.
    pub(super) lost: bool,
}

/// An interaction that was closed.
pub(super) struct Interaction {
    pub(super) at: i64,
    /// Which of `CHANNELS`.
    pub(super) channel: usize,
    pub(super) skill: usize,
    /// From its arrival to its closing.
    pub(super) seconds: u64,
    pub(super) wait: u64,
}

/// The chats of a day: few but regular while the agent is logged in.
pub(super) fn chats(random: &mut Random, (login, logout): (i64, i64)) -> Vec<Chat> {
    let mut chats = Vec::new();
    let mut at = login + random.between(30, 600);
    while at < logout {
        let forgotten = random.percent(4);
        let life = random.amount(60, 2_400);
        chats.push(Chat {
            at,
            channel: random.index(CHAT_CHANNELS.len()),
            skill: random.index(SKILLS.len()),
            life: if forgotten { AUTOMATIC_CLOSE } else { life },
            wait: random.amount(1, 90),
            transferred: random.percent(9),
            lost: random.percent(7),
        });
        at += random.between(300, 1_500);
    }
    chats
}

/// What is known of the closings of a plan.
pub(super) fn interactions(random: &mut Random, plan: &Plan) -> Vec<Interaction> {
    let interaction = |at| Interaction {
        at,
        channel: random.index(CHANNELS.len()),
        skill: random.index(SKILLS.len()),
        seconds: random.amount(90, 7_200),
        wait: random.amount(1, 600),
    };
    plan.closings.iter().map(|closing| closing.at).map(interaction).collect()
}

impl Chat {
    pub(super) fn serve(&self, service: &mut Service) {
        if self.lost { service.lose(self.wait) } else { service.answer(self.wait) }
    }
}
