//! What agents said their calls were about. Every call is either coded or not from the moment that it ends.

use serde::Serialize;

use super::{Printed, Question};
use crate::floor::SECOND_CODES;
use crate::plan::CLOSING_CODES;

#[derive(Serialize)]
struct Coded<'a> {
    count: String,
    agent_name: &'a str,
    agent_dni: &'a str,
    cod_act: &'static str,
    description_cod_act: &'static str,
}

#[derive(Serialize)]
struct Uncoded<'a> {
    uncode_calls: String,
    agent_id: &'a str,
    agent_name: &'a str,
}

/// `act_1`: calls per agent and code, of the group of codes that is asked for. There are none of a third group.
pub(super) fn coded(question: &Question) -> Printed {
    let group = question.parameter("cod_act").unwrap_or_default();
    let work = question.world.work(question.index, &question.seen());
    let agents = question.world.agents(question.index).iter().zip(&work);
    question.print(agents.flat_map(|(agent, work)| {
        let counted: Vec<_> = match group {
            "cod_act1" => CLOSING_CODES.into_iter().zip(work.codes).collect(),
            "cod_act2" => SECOND_CODES.into_iter().zip(work.second_codes).collect(),
            _ => Vec::new(),
        };
        counted.into_iter().filter(|(_, calls)| *calls > 0).map(|((code, description), calls)| Coded {
            count: calls.to_string(),
            agent_name: &agent.name,
            agent_dni: &agent.dni,
            cod_act: code,
            description_cod_act: description,
        })
    }))
}

/// `act_4`: calls without any code.
pub(super) fn uncoded(question: &Question) -> Printed {
    let work = question.world.work(question.index, &question.seen());
    let agents = question.world.agents(question.index).iter().zip(&work);
    question.print(agents.filter(|(_, work)| work.uncoded > 0).map(|(agent, work)| Uncoded {
        uncode_calls: work.uncoded.to_string(),
        agent_id: &agent.id,
        agent_name: &agent.name,
    }))
}
