//! Calls that were promised a callback: each of them, and how many per queue.

use serde::Serialize;

use super::form::{clock, share};
use super::{Printed, Question};
use crate::queue::SKILLS;
use crate::world::CallbackRow;

#[derive(Serialize)]
struct Callback {
    skill_id: String,
    date_inbound_call: String,
    date_last_outbound_call: String,
    status: &'static str,
    attempts: String,
    ani: String,
    dial_phone: String,
    time_between_calls: String,
    time: String,
    billed_minutes: String,
    customer_id: String,
}

#[derive(Serialize)]
struct Summary {
    skill_id: &'static str,
    treatment: String,
    customer_say_no: String,
    customer_say_yes: String,
    recall_fail: String,
    recall_ok: String,
    service_level_up: String,
}

/// `diagram_3`: every call that was offered one.
pub(super) fn callbacks(question: &Question) -> Printed {
    let rows = question.rows(|index, from, to| question.world.callbacks(index, from, to));
    question.print(rows.into_iter().map(|row| Callback {
        date_inbound_call: question.wall_clock(row.inbound),
        date_last_outbound_call: row.last_outbound.map_or_else(|| "--".to_owned(), |at| question.wall_clock(at)),
        status: row.status,
        attempts: row.attempts.to_string(),
        time_between_calls: clock(row.time_between_calls),
        time: clock(row.time),
        billed_minutes: billed(&row),
        skill_id: row.skill_id,
        ani: row.ani,
        dial_phone: row.dial_phone,
        customer_id: row.customer_id,
    }))
}

fn billed(row: &CallbackRow) -> String {
    if row.billed_as_clock { clock(row.billed_minutes * 60) } else { row.billed_minutes.to_string() }
}

/// `diagram_2`: the rows of `diagram_3` counted per skill. Whoever did not say no said yes; of those, a recall is ok or
/// failed only where its row says just that, and the rest is pending or had nobody to speak with.
pub(super) fn summary(question: &Question) -> Printed {
    let rows = question.rows(|index, from, to| question.world.callbacks(index, from, to));
    let of_skill = |(skill_id, _): (&'static str, &str)| {
        let count = |status: &dyn Fn(&str) -> bool| {
            rows.iter().filter(|row| row.skill_id == skill_id && status(row.status)).count() as u64
        };
        let is = |wanted: &'static str| move |status: &str| status.eq_ignore_ascii_case(wanted);
        let (offers, no) = (count(&|_| true), count(&is("no")));
        let (ok, fail) = (count(&is("ok")), count(&is("fail")));
        (offers > 0).then(|| Summary {
            skill_id,
            treatment: offers.to_string(),
            customer_say_no: no.to_string(),
            customer_say_yes: (offers - no).to_string(),
            recall_fail: fail.to_string(),
            recall_ok: ok.to_string(),
            service_level_up: share(ok, offers),
        })
    };
    question.print(SKILLS.into_iter().filter_map(of_skill))
}
