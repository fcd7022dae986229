//! Chats and interactions, per agent and per channel.

use serde::Serialize;

use super::form::{clock, share};
use super::{Printed, Question};
use crate::chats::{CHANNELS, CHAT_CHANNELS};
use crate::people::ROUTING_POINT;

#[derive(Serialize)]
struct Closed {
    interactions: String,
    agent_name: String,
    cod_act: &'static str,
    description_cod_act: &'static str,
}

#[derive(Serialize)]
struct Conversations<'a> {
    agent_id: &'a str,
    agent_name: &'a str,
    total_chats: String,
    time: String,
    tmo: String,
    percent_transfer: String,
}

#[derive(Serialize)]
struct ChatChannel {
    chanel: &'static str,
    interaction: String,
}

#[derive(Serialize)]
struct ClosedBy<'a> {
    agent_name: &'a str,
    interactions: String,
    close_time: String,
}

#[derive(Serialize)]
struct ClosedOn {
    channel: &'static str,
    interactions: String,
    closing_time: String,
}

/// `chat_7`: interactions per agent and closing code.
pub(super) fn closed(question: &Question) -> Printed {
    let rows = question.rows(|index, from, to| question.world.closed(index, from, to));
    question.print(rows.into_iter().map(|row| Closed {
        interactions: row.interactions.to_string(),
        agent_name: row.agent_name,
        cod_act: row.code,
        description_cod_act: row.description,
    }))
}

/// `chat_16`: the chats that each agent closed.
pub(super) fn of_agents(question: &Question) -> Printed {
    let work = question.world.work(question.index, &question.seen());
    let agents = question.world.agents(question.index).iter().zip(&work);
    question.print(agents.filter(|(_, work)| work.chats > 0).map(|(agent, work)| Conversations {
        agent_id: &agent.id,
        agent_name: &agent.name,
        total_chats: work.chats.to_string(),
        time: clock(work.chat_life),
        tmo: clock(work.chat_life / work.chats),
        percent_transfer: share(work.transferred_chats, work.chats),
    }))
}

/// `chat_13`: the same chats per channel. The vendor's example writes `chanel`, its table `channel`; the example is
/// followed.
pub(super) fn of_channels(question: &Question) -> Printed {
    let mut chats = [0_u64; CHAT_CHANNELS.len()];
    question.world.each_shift(question.index, &question.seen(), |_, span, shift| {
        for chat in shift.chats.iter().filter(|chat| !chat.lost && span.contains(chat.at)) {
            chats[chat.channel] += 1;
        }
    });
    let counted = CHAT_CHANNELS.into_iter().zip(chats).filter(|(_, chats)| *chats > 0);
    question.print(counted.map(|(chanel, chats)| ChatChannel { chanel, interaction: chats.to_string() }))
}

/// `chat_5`: the interactions of `chat_7` per agent, whatever their code.
pub(super) fn interactions_of_agents(question: &Question) -> Printed {
    let work = question.world.work(question.index, &question.seen());
    let names = question.world.agents(question.index).iter().map(|agent| agent.name.as_str());
    let names = names.chain([ROUTING_POINT]).zip(&work);
    question.print(names.filter(|(_, work)| work.interactions > 0).map(|(agent_name, work)| ClosedBy {
        agent_name,
        interactions: work.interactions.to_string(),
        close_time: clock(work.closing_time),
    }))
}

/// `chat_3`: the same interactions per channel.
pub(super) fn interactions_of_channels(question: &Question) -> Printed {
    let mut channels = [(0_u64, 0); CHANNELS.len()];
    question.world.each_shift(question.index, &question.seen(), |_, span, shift| {
        for interaction in shift.interactions.iter().filter(|interaction| span.contains(interaction.at)) {
            let (count, seconds) = &mut channels[interaction.channel];
            *count += 1;
            *seconds += interaction.seconds;
        }
    });
    let counted = CHANNELS.into_iter().zip(channels).filter(|(_, (count, _))| *count > 0);
    question.print(counted.map(|(channel, (count, seconds))| ClosedOn {
        channel,
        interactions: count.to_string(),
        closing_time: clock(seconds),
    }))
}
