//! The series that every server serves, and the answer of the vendor that they are made of.

use std::fmt::Write;

/// Most rows of one answer of the vendor's: the series of a larger size are those of several operations.
const ROWS_PER_POLL: usize = 60_000;

const STATES: [&str; 20] = [
    "Almuerzo",
    "Baño",
    "Break",
    "Capacitación",
    "Coaching",
    "Reunión",
    "Pausa activa",
    "Gestión administrativa",
    "Retroalimentación",
    "Soporte técnico",
    "Llamada saliente",
    "Correo electrónico",
    "Chat interno",
    "Calidad",
    "Fallas de sistema",
    "Permiso médico",
    "Turno partido",
    "Sin conexión",
    "Otros",
    "Enfermería",
];
const NAMES: [&str; 8] = ["María José", "José Andrés", "Ángela", "Sebastián", "Lucía", "Íñigo", "Camila", "Óscar Iván"];
const SURNAMES: [&str; 8] =
    ["Núñez Gómez", "Peña Ruiz", "Rodríguez", "Muñoz Díaz", "García López", "Ordóñez", "Castaño Mejía", "Suárez"];

/// One row of the report, one series of the exposition.
pub struct Row {
    pub agent_id: String,
    pub agent_name: String,
    pub state: &'static str,
    pub seconds: u64,
}

/// The operations of this many series: name and number of rows.
pub fn operations(series: usize) -> impl Iterator<Item = (String, usize)> {
    (0..series.div_ceil(ROWS_PER_POLL))
        .map(move |index| (format!("operacion-{index:02}"), ROWS_PER_POLL.min(series - index * ROWS_PER_POLL)))
}

/// The rows of one operation, agent by agent.
pub fn rows(count: usize) -> impl Iterator<Item = Row> {
    (0..count).map(|row| {
        let (agent, state) = (row / STATES.len(), row % STATES.len());
        // Which agent has which id follows no order, so that the exporter has something to sort.
        let id = agent.wrapping_mul(7_919) % 1_000_003;
        Row {
            agent_id: format!("{}", 1_000 + id),
            agent_name: format!("{} {} {agent:04}", NAMES[agent % 8], SURNAMES[agent / 8 % 8]),
            state: STATES[state],
            seconds: (agent as u64 * 7_919 + state as u64 * 104_729) % 28_800,
        }
    })
}

/// The vendor's answer with these rows.
pub fn body(count: usize) -> Vec<u8> {
    let mut body = format!(r#"{{"code":"200","error":null,"msg":"{count} records were found","data":["#);
    for (index, row) in rows(count).enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let (hours, minutes, seconds) = (row.seconds / 3600, row.seconds / 60 % 60, row.seconds % 60);
        write!(
            body,
            r#"{comma}{{"agent_id":"{id}","agent_dni":"52{id}803","agent_name":"{name}","aux_state":"{state}","time":"{hours:02}:{minutes:02}:{seconds:02}"}}"#,
            id = row.agent_id,
            name = row.agent_name,
            state = row.state,
        )
        .expect("writing to a String");
    }
    body.push_str("]}");
    body.into_bytes()
}

/// The answer of `agent_1` with so many rows, of as many agents.
pub fn times_body(count: usize) -> Vec<u8> {
    let mut body = format!(r#"{{"code":"200","error":null,"msg":"{count} records were found","data":["#);
    for agent in 0..count {
        let comma = if agent > 0 { "," } else { "" };
        let time = |part: usize| {
            let seconds = (agent * 7_919 + part * 104_729) % 28_800;
            format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
        };
        let id = 1_000 + agent.wrapping_mul(7_919) % 1_000_003;
        let name = format!("{} {} {agent:05}", NAMES[agent % 8], SURNAMES[agent / 8 % 8]);
        write!(
            body,
            r#"{comma}{{"agent_id":"{id}","agent_name":"{name}","login":"2026-11-29 0{hour}:{minute:02}:00","ready_time":"{}","inbound_time":"{}","outbound_time":"{}","acw_time":"{}","ring_time":"{}","aux_time":"{}","inbound":"{inbound}","outbound":"{outbound}","internal":"{internal}","hits":"{hits}","rpc":"{rpc}"}}"#,
            time(0), time(1), time(2), time(3), time(4), time(5),
            hour = agent % 10, minute = agent % 60,
            inbound = agent % 90, outbound = agent % 70, internal = agent % 9, hits = agent % 12, rpc = agent % 31,
        )
        .expect("writing to a String");
    }
    body.push_str("]}");
    body.into_bytes()
}
