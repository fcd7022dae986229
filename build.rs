//! Finds out which commit is built, for `--version` and the metrics: what `WOLKVOX_COMMIT` says, else what git says, else none.

use std::path::Path;
use std::process::Command;

/// Digits of a commit that are told.
const DIGITS: usize = 12;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=WOLKVOX_COMMIT");
    let given = std::env::var("WOLKVOX_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(of_git).map(|commit| commit.chars().take(DIGITS).collect::<String>());
    // Anything else would end up in a label.
    let commit = commit.filter(|commit| commit.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let version = env!("CARGO_PKG_VERSION");
    match commit {
        Some(commit) => {
            println!("cargo::rustc-env=WOLKVOX_REVISION={commit}");
            println!("cargo::rustc-env=WOLKVOX_VERSION={version} (commit {commit})");
        }
        None => println!("cargo::rustc-env=WOLKVOX_VERSION={version}"),
    }
}

/// The commit of this folder, if it is a repository of its own: a package inside another one is none of its commits.
fn of_git() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    // So that no build tells an older commit than the one it was made of.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    let names = ["HEAD", "logs/HEAD", "packed-refs"].into_iter().chain(branch.as_deref());
    let watched: Vec<String> = names.filter_map(|name| git(&["rev-parse", "--git-path", name])).collect();
    // cargo takes a file that is not there for one that has always changed.
    for file in watched.iter().filter(|file| Path::new(file).exists()) {
        println!("cargo::rerun-if-changed={file}");
    }
    git(&["rev-parse", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned())
}
