//! The people of an operation, and the untidy names under which the vendor lists them.

use std::collections::HashSet;

use crate::random::Random;

/// One agent as the vendor knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The extension, such as `12001`.
    pub id: String,
    /// The identity document, 8 to 10 digits.
    pub dni: String,
    /// The name exactly as the vendor prints it, double and trailing blanks included.
    pub name: String,
}

/// The pseudo-agent under which the vendor counts what no person handled.
pub const ROUTING_POINT: &str = "Routing_point_61182";

const FIRST: [&str; 32] = [
    "Adriana",
    "Andrés",
    "Ángela",
    "Begoña",
    "Camila",
    "Carlos",
    "César",
    "Daniela",
    "Diego",
    "Édgar",
    "Esteban",
    "Fabián",
    "Germán",
    "Iñaki",
    "Inés",
    "Jhon Jairo",
    "José Luis",
    "Juan Sebastián",
    "Laura",
    "Leidy Johana",
    "Lucía",
    "Luz Marina",
    "María José",
    "Mónica",
    "Natalia",
    "Óscar",
    "Paola",
    "Raúl",
    "Sofía",
    "Tomás",
    "Valentina",
    "Yésica",
];

const LAST: [&str; 36] = [
    "Acuña",
    "Agudelo",
    "Álvarez",
    "Ávila",
    "Bedoya",
    "Bermúdez",
    "Cañón",
    "Cárdenas",
    "Castaño",
    "Correa",
    "Díaz",
    "Echeverri",
    "Gómez",
    "González",
    "Guzmán",
    "Hernández",
    "Ibáñez",
    "Jiménez",
    "López",
    "Londoño",
    "Marín",
    "Martínez",
    "Muñoz",
    "Nuñez",
    "Ordóñez",
    "Ortiz",
    "Patiño",
    "Peña",
    "Pérez",
    "Quiñones",
    "Ramírez",
    "Restrepo",
    "Rodríguez",
    "Suárez",
    "Velásquez",
    "Zúñiga",
];

/// The roster of one operation. Names stay distinct after the cleaning integrators do, because two of the
/// reports carry no id and rows of namesakes could not be told apart.
pub(super) fn roster(seed: u64, operation: usize, count: usize) -> Vec<Agent> {
    let mut random = Random::of(&[seed, operation as u64, 0x526F_7374]);
    let mut taken = HashSet::new();
    (0..count)
        .map(|index| Agent {
            id: (12_001 + index).to_string(),
            dni: dni(&mut random),
            name: untidy(index, &fresh_name(&mut random, &mut taken, index)),
        })
        .collect()
}

/// People who once worked there: one per dozen of those who do, and one more.
pub(super) fn former(seed: u64, operation: usize, agents: &[Agent]) -> Vec<Agent> {
    let mut random = Random::of(&[seed, operation as u64, 0x4C65_6674]);
    let tidy = |name: &str| name.trim_start_matches("COM-").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut taken: HashSet<String> = agents.iter().map(|agent| tidy(&agent.name)).collect();
    let count = if agents.is_empty() { 0 } else { agents.len() / 12 + 1 };
    (0..count)
        .map(|index| Agent {
            id: (11_001 + index).to_string(),
            dni: dni(&mut random),
            name: fresh_name(&mut random, &mut taken, index),
        })
        .collect()
}

fn dni(random: &mut Random) -> String {
    let digits = random.amount(7, 9);
    let smallest = (0..digits).fold(1, |value: u64, _| value * 10);
    random.amount(smallest, smallest * 10 - 1).to_string()
}

fn fresh_name(random: &mut Random, taken: &mut HashSet<String>, index: usize) -> String {
    for _ in 0..64 {
        let name = format!(
            "{} {} {}",
            FIRST[random.index(FIRST.len())],
            LAST[random.index(LAST.len())],
            LAST[random.index(LAST.len())]
        );
        if taken.insert(name.clone()) {
            return name;
        }
    }
    // Rosters beyond some ten thousand names run out of luck; a number keeps them distinct.
    format!("{} {} {index}", FIRST[index % FIRST.len()], LAST[index % LAST.len()])
}

/// Fixed positions instead of chance, so that a small operation has every kind of untidiness too.
fn untidy(index: usize, name: &str) -> String {
    let mut name = if index % 8 == 5 { name.replacen(' ', "  ", 1) } else { name.to_owned() };
    if index % 10 == 3 {
        name.insert_str(0, "COM-");
    }
    if index % 12 == 6 {
        name.push(' ');
    }
    name
}
