//! The fuzz targets hold on their corpus and on mutations of it.
//!
//! A short run on the stable toolchain; cargo-fuzz runs the same targets for longer (see `CONTRIBUTING.md`).

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;

#[path = "../../fuzz/targets.rs"]
mod targets;

/// For the mutations; the corpus is run whole, however long that takes.
const BOUND: Duration = Duration::from_secs(2);
/// Longest input that mutations grow to.
const LONGEST: usize = 8 * 1024;
/// What parsers like to trip over.
const INTERESTING: [&[u8]; 33] = [
    b"\0",
    b"\xff",
    b"\n",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"-",
    b"%",
    b"null",
    b"1e999",
    b"-0",
    b"99999999999999999999",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"\"code\":",
    b"\"error\":",
    "\u{feff}".as_bytes(),
    "\u{2028}".as_bytes(),
    "İ".as_bytes(),
    b";q=",
    b": |\n",
    b": >-\n",
    b"\n? ",
    b"`",
    b"\"\n",
    b"\\\n",
    b" &a *a !a ",
];

#[test]
fn the_body_decoder_survives_its_corpus_and_mutations_of_it() {
    survives("body", targets::body);
}

#[test]
fn the_envelope_survives_its_corpus_and_mutations_of_it() {
    survives("envelope", targets::envelope);
}

#[test]
fn the_value_formats_survive_their_corpus_and_mutations_of_it() {
    survives("formats", targets::formats);
}

#[test]
fn the_accept_parser_survives_its_corpus_and_mutations_of_it() {
    survives("accept", targets::accept);
}

#[test]
fn the_config_survives_its_corpus_and_mutations_of_it() {
    survives("config", targets::config);
}

#[test]
fn the_state_files_survive_their_corpus_and_mutations_of_it() {
    survives("state", targets::state);
}

fn survives(name: &str, target: fn(&[u8])) {
    let corpus = corpus(name);
    for input in &corpus {
        run(name, target, input);
    }
    // Always the same inputs in the same order: a slower machine only stops sooner.
    let (mut rng, start) = (Rng::with_seed(7), Instant::now());
    while start.elapsed() < BOUND {
        run(name, target, &mutated(&corpus, &mut rng));
    }
}

/// The committed inputs, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("a corpus").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() >= 12, "{} inputs of {name}", files.len());
    files.iter().map(|file| fs::read(file).expect("an input")).collect()
}

fn run(name: &str, target: fn(&[u8]), input: &[u8]) {
    let outcome = catch_unwind(|| target(input));
    assert!(outcome.is_ok(), "put this into fuzz/corpus/{name}: {}", input.escape_ascii());
}

fn mutated(corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut input = rng.choice(corpus).expect("a corpus is not empty").clone();
    for _ in 0..rng.usize(1..=4) {
        let (from, to) = stretch(&input, rng);
        match rng.u8(..7) {
            0 if from < input.len() => input[from] ^= 1 << rng.u8(..8),
            1 => input.truncate(from),
            2 => drop(input.drain(from..to)),
            3 => {
                let again = input[from..to].repeat(rng.usize(1..4));
                input.splice(from..from, again);
            }
            4 => {
                let other = rng.choice(corpus).expect("a corpus is not empty");
                let (start, end) = stretch(other, rng);
                input.splice(from..to, other[start..end].iter().copied());
            }
            _ => {
                let bytes = rng.choice(INTERESTING).expect("an array with members");
                input.splice(from..from, bytes.iter().copied());
            }
        }
    }
    input.truncate(LONGEST);
    input
}

/// A stretch of the input, mostly a short one.
fn stretch(input: &[u8], rng: &mut Rng) -> (usize, usize) {
    let from = rng.usize(..=input.len());
    let longest = if rng.bool() { input.len() } else { 16 };
    (from, input.len().min(from + rng.usize(..=longest)))
}
