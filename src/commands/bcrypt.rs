//! `bcrypt`: the hash of a password, for a web config.

use std::fs::File;
use std::io::{self, IsTerminal, Read};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::{CommandError, print};
use crate::web::LONGEST_PASSWORD;

/// Some fifty milliseconds for each guess; an exporter checks a right password once and then remembers it.
const COST: u32 = 10;

/// Reads a password, without showing it, and prints nothing but its hash.
pub fn bcrypt() -> Result<(), CommandError> {
    let password = if io::stdin().is_terminal() { read_typed()? } else { read_piped()? };
    print(&format!("{}\n", hash(&password)?))
}

fn hash(password: &str) -> Result<String, CommandError> {
    let wrong = |what| Err(CommandError::NotAPassword(what));
    if password.is_empty() {
        return wrong("it is empty");
    }
    if password.len() > LONGEST_PASSWORD {
        return wrong("it is longer than 72 bytes, and bcrypt reads no further");
    }
    if password.chars().any(char::is_control) {
        return wrong("it has a line end or another control character");
    }
    Ok(bcrypt::hash(password, COST).expect("the cost is in bounds and the system has random numbers"))
}

fn read_piped() -> Result<String, CommandError> {
    let mut text = String::new();
    // A byte more than fits, and a line end, are enough to see that it does not.
    io::stdin().take(LONGEST_PASSWORD as u64 + 3).read_to_string(&mut text).map_err(CommandError::Password)?;
    Ok(without_line_end(&text))
}

/// Twice, because nobody sees what is typed.
fn read_typed() -> Result<String, CommandError> {
    let _silent = SilentTerminal::new().map_err(CommandError::Password)?;
    let ask = |prompt: &str| rpassword::prompt_password(prompt).map_err(CommandError::Password);
    let (first, second) = (ask("Password: ")?, ask("Again: ")?);
    if first == second { Ok(first) } else { Err(CommandError::NotAPassword("the two are not the same")) }
}

/// The terminal, which shows nothing of what is typed until this is dropped. `rpassword` alone hides only once it has
/// prompted, and shows what comes in right behind a prompt.
struct SilentTerminal {
    terminal: File,
    before: Termios,
}

impl SilentTerminal {
    fn new() -> io::Result<SilentTerminal> {
        let terminal = File::open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Now, &silent)?;
        Ok(SilentTerminal { terminal, before })
    }
}

impl Drop for SilentTerminal {
    fn drop(&mut self) {
        // A terminal that is gone needs no setting.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

fn without_line_end(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text).to_owned()
}
