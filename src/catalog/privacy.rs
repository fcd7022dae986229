//! What of an agent is shown, and what stands in its place.

use std::fmt::{self, Write as _};

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use super::{Label, Personal};

/// Bytes of a pseudonym: among 10,000 agents, two have the same one with a chance of 1 in 370 billion.
const PSEUDONYM: usize = 8;
/// Bytes of a key that is drawn, as many as the hash has.
const DRAWN: usize = 32;
/// A short key can be guessed: one needs as many characters as a drawn key has bytes.
const SHORTEST_KEY: usize = 32;

/// What of the agents may be shown.
#[derive(Clone, Debug, Default)]
pub struct Privacy {
    pub agents: Agents,
    /// Whether `agent_dni`, an identity document, becomes a label.
    pub agent_dni: bool,
}

/// How an agent's name and id are shown.
#[derive(Clone, Debug, Default)]
pub enum Agents {
    #[default]
    Plain,
    /// A pseudonym stands in place of each.
    Hashed(NameKey),
    /// Neither is there, and rows are added up over the agents.
    Omitted,
}

/// The secret that makes pseudonyms: without it, nobody can try out names.
#[derive(Clone, Debug)]
pub struct NameKey {
    key: hmac::Key,
    given: bool,
}

/// Keyed hashes of one kind of value. The kind is hashed too: a name and an id of the same text get different ones.
#[derive(Clone)]
pub struct Pseudonyms {
    start: hmac::Context,
}

/// Why a text is no key.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("a key for names has at least {SHORTEST_KEY} characters, and this has {0}")]
pub struct ShortKey(usize);

// === impl Privacy ===

impl Privacy {
    /// Whether a label is there at all.
    pub fn shows(&self, label: &Label) -> bool {
        match label.personal {
            None => true,
            Some(Personal::Document) => self.agent_dni,
            Some(Personal::Id | Personal::Name) => !matches!(self.agents, Agents::Omitted),
        }
    }

    /// What stands in place of a label's values, where they are not to be seen.
    pub fn pseudonyms(&self, label: &Label) -> Option<Pseudonyms> {
        let Agents::Hashed(key) = &self.agents else { return None };
        match label.personal? {
            Personal::Name => Some(key.pseudonyms("name")),
            Personal::Id => Some(key.pseudonyms("id")),
            Personal::Document => None,
        }
    }

    /// What tells this choice for agents from any other: another key is another choice.
    pub fn mark(&self) -> String {
        match &self.agents {
            Agents::Plain => PLAIN.to_owned(),
            Agents::Hashed(key) => format!("hashed with {}", key.pseudonyms("key").of("")),
            Agents::Omitted => "omitted".to_owned(),
        }
    }
}

/// The mark of the choice that hides nothing.
pub const PLAIN: &str = "plain";

// === impl NameKey ===

impl NameKey {
    /// A key as a file holds it, blanks around it apart.
    pub fn parse(text: &str) -> Result<NameKey, ShortKey> {
        let text = text.trim();
        let length = text.chars().count();
        if length < SHORTEST_KEY {
            return Err(ShortKey(length));
        }
        Ok(NameKey { key: hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()), given: true })
    }

    /// A new key, as a file is to hold it.
    pub fn draw() -> String {
        hex(&random())
    }

    /// A key that is drawn now and written down nowhere.
    pub fn passing() -> NameKey {
        NameKey { key: hmac::Key::new(hmac::HMAC_SHA256, &random()), given: false }
    }

    /// Whether it was written down anywhere.
    pub fn is_given(&self) -> bool {
        self.given
    }

    fn pseudonyms(&self, kind: &str) -> Pseudonyms {
        let mut start = hmac::Context::with_key(&self.key);
        start.update(kind.as_bytes());
        start.update(b"\0");
        Pseudonyms { start }
    }
}

// === impl Pseudonyms ===

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms")
    }
}

impl Pseudonyms {
    /// The same for the same value, wherever and whenever it is asked with the same key.
    pub fn of(&self, value: &str) -> String {
        let mut context = self.start.clone();
        context.update(value.as_bytes());
        hex(&context.sign().as_ref()[..PSEUDONYM])
    }
}

fn random() -> [u8; DRAWN] {
    let mut bytes = [0; DRAWN];
    SystemRandom::new().fill(&mut bytes).expect("Linux has random bytes for everybody once it has started");
    bytes
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Form;

    const TEXT: &str = "0123456789abcdef0123456789abcdef";

    fn label(field: &str) -> Label {
        let personal = crate::catalog::personal::of_agent(field);
        Label { name: field.to_owned(), field: field.into(), form: Form::AsSent, personal, nested: false }
    }

    fn hashed(key: &str) -> Privacy {
        Privacy { agents: Agents::Hashed(NameKey::parse(key).unwrap()), agent_dni: false }
    }

    fn shown(privacy: &Privacy, field: &str, value: &str) -> String {
        privacy.pseudonyms(&label(field)).map_or_else(|| value.to_owned(), |pseudonyms| pseudonyms.of(value))
    }

    /// Worked out apart: `printf 'name\\0Ana Núñez' | openssl dgst -sha256 -hmac KEY`. They are in people's Prometheus.
    #[test]
    fn pseudonyms_never_change_with_the_version() {
        let privacy = hashed(&format!(" {TEXT}\n"));
        assert_eq!(shown(&privacy, "agent_name", "Ana Núñez"), "d7fd70e03a91eaaf");
        assert_eq!(shown(&privacy, "agent_id", "12001"), "c25c1c7553c56755");
        assert_eq!(privacy.mark(), "hashed with 31809bb52a49dd59");
    }

    #[test]
    fn never_leak_another_key_or_another_kind_makes_another_pseudonym() {
        let (one, other) = (hashed(TEXT), hashed(&NameKey::draw()));
        assert_ne!(shown(&one, "agent_name", "12001"), shown(&other, "agent_name", "12001"));
        assert_ne!(shown(&one, "agent_name", "12001"), shown(&one, "agent_id", "12001"));
        assert_ne!(one.mark(), other.mark());
        assert_eq!(shown(&one, "aux_state", "Break"), "Break");
        assert!(!format!("{one:?}{:?}", one.pseudonyms(&label("agent_id"))).contains(&TEXT[..8]));
    }

    #[test]
    fn never_leak_a_key_that_can_be_guessed_is_refused() {
        for short in ["", "\n", " secret ", &TEXT[1..]] {
            assert!(NameKey::parse(short).is_err(), "{short}");
        }
        assert!(NameKey::parse(&NameKey::draw()).unwrap().is_given());
        assert_ne!(NameKey::draw(), NameKey::draw());
    }
}
