//! `bcrypt`: the hash of a password, for a web config.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::{CommandError, print};
use crate::web::LONGEST_PASSWORD;

/// Some fifty milliseconds for each guess; an exporter checks a right password once and then remembers it.
const COST: u32 = 10;

/// Reads a password, without showing it, and prints nothing but its hash.
pub async fn bcrypt() -> Result<(), CommandError> {
    let terminal = io::stdin().is_terminal().then(|| tcgetattr(io::stdin())).transpose().map_err(io::Error::from);
    let terminal = terminal.map_err(CommandError::Password)?;
    let reading = tokio::task::spawn_blocking({
        let terminal = terminal.clone();
        move || terminal.map_or_else(read_piped, |shown| read_typed(&shown))
    });
    let password = tokio::select! {
        read = reading => read.expect("reading does not panic")?,
        _ = tokio::signal::ctrl_c() => {
            // Somebody who changes their mind must not be left with a terminal that shows nothing.
            if let Some(shown) = terminal {
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, &shown);
            }
            std::process::exit(130);
        }
    };
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
fn read_typed(shown: &Termios) -> Result<String, CommandError> {
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    let set = |modes: &Termios| tcsetattr(io::stdin(), OptionalActions::Flush, modes).map_err(io::Error::from);
    set(&hidden).map_err(CommandError::Password)?;
    let typed = ask("Password: ").and_then(|first| Ok((first, ask("Again: ")?)));
    set(shown).map_err(CommandError::Password)?;
    let (first, second) = typed.map_err(CommandError::Password)?;
    if first == second { Ok(first) } else { Err(CommandError::NotAPassword("the two are not the same")) }
}

fn ask(prompt: &str) -> io::Result<String> {
    // Not by the macro, which panics where nobody listens: what is typed would stay hidden.
    write!(io::stderr(), "{prompt}")?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    writeln!(io::stderr())?;
    Ok(without_line_end(&line))
}

fn without_line_end(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text).to_owned()
}
