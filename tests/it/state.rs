//! What the state folder holds, and what the next start makes of it.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::child::{EXPORTER, Running, run};
use crate::support::harness::{PERSONAL, Setup, TOKEN, midnight, until};
use crate::support::home::Home;
use crate::support::http;
use crate::support::scraped::Scraped;

const LAST_SUCCESS: &str = "wolkvox_report_last_success_timestamp_seconds";

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_after_a_restart_data_are_served_at_once_at_their_age_and_no_report_is_asked_before_its_time() {
    let home = Home::new(Setup::frozen()).await;
    let first = home.start(&[]).await;
    let before = first.scrape_until("five reports", |scraped| scraped.sum("wolkvox_report_up", &[]) == 5.0).await;
    first.process.terminate().await;

    let second = home.start(&[]).await;
    assert!(second.is_ready().await);
    let after = second.scrape().await;
    assert_eq!(after.report_series(), before.report_series());
    for metric in [LAST_SUCCESS, "wolkvox_report_window_end_timestamp_seconds", "wolkvox_report_up"] {
        assert_eq!(after.find(metric, &[]), before.find(metric, &[]), "{metric}");
    }
    assert_eq!(after.sum("wolkvox_api_budget_used", &[]), 5.0);
    for _ in 0..5 {
        http::get(second.address, "/metrics").await;
    }
    let (_, _, said) = second.process.terminate().await;
    assert_eq!(said.matches("data restored").count(), 5, "{said}");
    assert_eq!((home.charged(), home.counted()), (5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_a_second_exporter_on_the_folder_ends_with_status_1_and_a_hint() {
    let home = Home::new(Setup::frozen()).await;
    let first = home.start(&[]).await;
    let second = home.refused(&[]).await;
    assert_eq!(second.code, Some(1), "{second:?}");
    let folder = home.state().display().to_string();
    for part in ["another exporter runs on the state folder", &folder, "hint: "] {
        assert!(second.stderr.contains(part), "{second:?}");
    }
    first.scrape_until("five reports", |scraped| scraped.sum("wolkvox_report_up", &[]) == 5.0).await;
    assert_eq!(home.charged(), 5);
    first.process.terminate().await;
    home.start(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_a_state_folder_deleted_while_running_is_made_anew_with_its_lock_and_its_count() {
    let home = Home::new(Setup { reports: "[agent_aux_time, agent_hold_mute]", ..Setup::fast() }).await;
    let exporter = home.start(&[]).await;
    until("calls", async || (home.charged() >= 4).then_some(())).await;
    // A write in between makes a folder anew, or leaves a file in it.
    until("the folder is gone", async || fs::remove_dir_all(home.state()).ok()).await;
    let before = home.charged();
    until("calls", async || (home.charged() > before && home.file("calls.json").exists()).then_some(())).await;
    let second = home.refused(&[]).await;
    assert!(second.code == Some(1) && second.stderr.contains("another exporter runs on"), "{second:?}");
    let (_, _, said) = exporter.process.terminate().await;
    assert!(said.contains("deleted or replaced"), "{said}");
    assert!(home.counted() >= home.charged(), "{} of {} calls are counted", home.counted(), home.charged());
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_a_state_folder_with_another_exporter_in_its_place_ends_the_polls_and_says_why() {
    let stale_after = std::time::Duration::from_secs(4);
    let setup = || Setup { reports: "[agent_aux_time]", stale_after, ..Setup::fast() };
    let (home, other) = (Home::new(setup()).await, Home::new(setup()).await);
    let exporter = home.start(&[]).await;
    let intruder = other.start(&[]).await;
    for (home, exporter) in [(&home, &exporter), (&other, &intruder)] {
        exporter.scrape_until("a poll", |scraped| scraped.is_up("agent_aux_time")).await;
        assert!(home.charged() > 0);
    }
    // Both at once, so that each finds the other's lock where its own was.
    let exchange = rustix::fs::RenameFlags::EXCHANGE;
    rustix::fs::renameat_with(rustix::fs::CWD, home.state(), rustix::fs::CWD, other.state(), exchange).unwrap();
    for exporter in [&exporter, &intruder] {
        let refused = |scraped: &Scraped| scraped.failures("agent_aux_time").contains_key("state_not_written");
        exporter.scrape_until("a refusal", refused).await;
        let said = exporter.process.said();
        assert!(said.contains("another exporter runs on the one in its place"), "{said}");
    }
    let charged = (home.charged(), other.charged());
    for exporter in [&exporter, &intruder] {
        exporter.scrape_until("too old", |scraped| scraped.sum("wolkvox_report_stale", &[]) == 1.0).await;
    }
    assert_eq!((home.charged(), other.charged()), charged);
    assert_eq!((other.counted(), home.counted()), charged, "each folder has the calls of its own exporter only");
}

/// Puts a pipe that nobody writes to in a file's place.
fn put_pipe(path: &Path) {
    let _ = fs::remove_file(path);
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_in_place_of_any_file_of_the_start_neither_holds_it_up_nor_is_believed() {
    let home = Home::new(Setup { reports: "[agent_aux_time]", ..Setup::frozen() }).await;
    let first = home.start(&[]).await;
    first.scrape_until("a report", |scraped| scraped.is_up("agent_aux_time")).await;
    first.process.terminate().await;
    // What the exporter wrote itself is set aside.
    for name in ["calls.json", "agent_aux_time.today.served"] {
        put_pipe(&home.file(name));
    }
    let second = home.start(&[]).await;
    let cautious = second.scrape().await;
    assert!(cautious.sum("wolkvox_api_budget_used", &[]) > 100.0, "{}", cautious.text());
    let (_, _, said) = second.process.terminate().await;
    for name in ["calls.json", "agent_aux_time.today.served"] {
        let told = |line: &str| line.contains("set aside") && line.contains(name) && line.contains("it is a pipe");
        assert!(said.lines().any(told), "{name}: {said}");
    }
    // What it cannot do without ends the start.
    let (state, config) = (home.state(), home.config_file().parent().unwrap().to_owned());
    let token = config.join("token");
    let text = fs::read_to_string(home.config_file()).unwrap();
    fs::write(home.config_file(), text.replace("privacy: {}", "privacy: {agent_name: hashed}")).unwrap();
    fs::write(state.join("names.key"), "k".repeat(64)).unwrap();
    for (file, what) in [
        (state.join("lock"), "the state folder"),
        (state.join("names.key"), "the key for names"),
        (token.clone(), "the token file "),
        (home.config_file(), "the config cannot be read: it is a pipe"),
    ] {
        let aside = file.with_extension("aside");
        fs::rename(&file, &aside).unwrap();
        put_pipe(&file);
        let ended = home.refused(&[]).await;
        assert_eq!(ended.code, Some(1), "{}: {ended:?}", file.display());
        assert!(ended.stderr.contains(what) && ended.stderr.contains("it is a pipe"), "{ended:?}");
        fs::rename(&aside, &file).unwrap();
    }
    // A secret of a pod is a link to a link's file.
    fs::create_dir(config.join("..2026")).unwrap();
    fs::rename(&token, config.join("..2026/token")).unwrap();
    std::os::unix::fs::symlink("..2026", config.join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/token", &token).unwrap();
    let third = home.start(&[]).await;
    assert!(!third.process.said().contains("error"), "{}", third.process.said());
    let web = config.join("web.yml");
    for file in [web.clone(), config.join("c.pem")] {
        let _ = fs::remove_file(&web);
        fs::write(&web, "tls_server_config: {cert_file: c.pem, key_file: k.pem}").unwrap();
        put_pipe(&file);
        let flags = [("--config.file=", &home.config_file()), ("--web.config.file=", &web)];
        let [config, web] = flags.map(|(flag, path)| format!("{flag}{}", path.display()));
        let ended = run(EXPORTER, &["check", &config, &web], b"").await;
        assert!(ended.code == Some(1) && ended.stderr.contains("it is a pipe"), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_a_damaged_count_is_set_aside_and_taken_for_the_most_that_can_have_been_spent() {
    set_aside_and_taken_for_the_most(|whole| whole[..whole.len() / 2].to_vec()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_a_count_with_one_flipped_digit_is_taken_for_the_most_that_can_have_been_spent() {
    set_aside_and_taken_for_the_most(|whole| {
        let text = String::from_utf8(whole.to_vec()).expect("JSON");
        let (before, after) = text.split_once("\": 2").expect("two requests were counted");
        format!("{before}\": 1{after}").into_bytes()
    })
    .await;
}

async fn set_aside_and_taken_for_the_most(damage: impl FnOnce(&[u8]) -> Vec<u8>) {
    let home = Home::new(Setup { reports: "[agent_aux_time, agent_hold_mute]", ..Setup::frozen() }).await;
    let first = home.start(&[]).await;
    first.scrape_until("two reports", |scraped| scraped.sum("wolkvox_report_up", &[]) == 2.0).await;
    first.process.terminate().await;
    let damaged = damage(&fs::read(home.file("calls.json")).unwrap());
    fs::write(home.file("calls.json"), &damaged).unwrap();
    let since_midnight = jiff::Timestamp::now().as_second() - midnight().as_second();
    let most = (2 * since_midnight / 30) as f64;
    for start in ["the one that finds it", "the next one"] {
        let exporter = home.start(&[]).await;
        let cautious = exporter.scrape().await;
        assert!(cautious.sum("wolkvox_api_budget_used", &[]) >= most, "{start}: {}", cautious.text());
        assert!(!cautious.report_series().is_empty(), "{start}: the data are whole");
        exporter.scrape_until("polls", |scraped| scraped.sum("wolkvox_report_up", &[]) == 2.0).await;
        let said = exporter.process.said();
        let named = said.lines().any(|line| line.contains("set aside") && line.contains("acme/calls.json"));
        assert_eq!(named, start == "the one that finds it", "{said}");
        exporter.process.kill().await;
    }
    assert_eq!(fs::read(home.file("calls.corrupt")).unwrap(), damaged);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_damaged_data_are_set_aside_and_asked_for_anew() {
    let home = Home::new(Setup { reports: "[agent_aux_time, agent_hold_mute]", ..Setup::fast() }).await;
    let first = home.start(&[]).await;
    first.scrape_until("two reports", |scraped| scraped.sum("wolkvox_report_up", &[]) == 2.0).await;
    first.process.terminate().await;
    let file = home.file("agent_aux_time.today.served");
    let mut damaged = fs::read(&file).unwrap();
    let last = damaged.len() - 1;
    damaged[last] ^= 0xff;
    fs::write(&file, &damaged).unwrap();
    let second = home.start(&[]).await;
    let scraped = second.scrape_until("polled anew", |scraped| scraped.is_up("agent_aux_time")).await;
    assert!(!scraped.find("wolkvox_agent_aux_seconds", &[]).is_empty());
    assert_eq!(fs::read(home.file("agent_aux_time.today.corrupt")).unwrap(), damaged);
    let (_, _, said) = second.process.terminate().await;
    assert!(
        said.lines().any(|line| line.contains("set aside") && line.contains("agent_aux_time.today.served")),
        "{said}"
    );
    assert_eq!(said.matches("data restored").count(), 1, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_the_state_folder_is_the_users_own_and_holds_neither_token_nor_customer() {
    let home = Home::new(Setup::frozen()).await;
    let exporter = home.start(&[]).await;
    exporter.scrape_until("five reports", |scraped| scraped.sum("wolkvox_report_up", &[]) == 5.0).await;
    exporter.process.terminate().await;
    let files = tree(&home.state());
    assert_eq!(files.len(), 2 + 1 + 6, "{files:?}");
    for path in files {
        let (mode, folder) = (fs::metadata(&path).unwrap().permissions().mode() & 0o777, path.is_dir());
        assert_eq!(mode, if folder { 0o700 } else { 0o600 }, "{}", path.display());
        if !folder {
            let text = readable(&fs::read(&path).unwrap());
            for secret in PERSONAL.into_iter().chain([TOKEN, "s3cr3t"]) {
                assert!(!text.contains(secret), "{secret} is in {}", path.display());
            }
            let served = path.extension().is_some_and(|extension| extension == "served");
            assert!(!served || text.contains("operation=\"acme\""), "the data in {} were not read", path.display());
        }
    }
}

/// A folder and all that is in it.
pub fn tree(path: &Path) -> Vec<PathBuf> {
    let below = fs::read_dir(path).into_iter().flatten().flat_map(|entry| tree(&entry.unwrap().path()));
    std::iter::once(path.to_owned()).chain(below).collect()
}

/// A state file as text, with what is deflated in it inflated.
pub fn readable(bytes: &[u8]) -> String {
    let lines: Vec<usize> = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    if !bytes.contains(&0) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let record: serde_json::Value = serde_json::from_slice(&bytes[lines[0]..lines[1]]).unwrap();
    let (mut text, mut rest) = (record.to_string(), &bytes[lines[1] + 1..]);
    for part in record["families"].as_array().unwrap() {
        let (segment, after) = rest.split_at(usize::try_from(part["deflated_length"].as_u64().unwrap()).unwrap());
        let mut inflated = Vec::new();
        // A segment is no whole stream: reading on after its last byte is an error, and all there was is here by then.
        let _ = flate2::read::DeflateDecoder::new(segment).read_to_end(&mut inflated);
        assert_eq!(inflated.len() as u64, part["length"].as_u64().unwrap());
        text.push_str(&String::from_utf8(inflated).unwrap());
        rest = after;
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn state_kept_in_memory_is_warned_of() {
    let home = Home::new(Setup::frozen()).await;
    let flags = [
        &format!("--config.file={}", home.config_file().display()),
        "--state.dir=none",
        "--web.listen-address=127.0.0.1:0",
    ];
    let mut exporter = Running::start(EXPORTER, &flags);
    exporter.after("address=").await;
    let said = exporter.said();
    let warned =
        said.lines().any(|line| line.contains("level=warn") && line.contains("a restart forgets what was spent"));
    assert!(warned && said.contains("--state.dir"), "{said}");
    until("calls", async || (home.charged() > 0).then_some(())).await;
    assert!(!home.state().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_folder_is_the_service_managers_then_the_desktops_then_the_homes() {
    let home = Home::new(Setup { reports: "[agent_aux_time]", ..Setup::frozen() }).await;
    let folder = tempfile::tempdir().unwrap();
    let variable = |name: &str| format!("{name}={}", folder.path().join(name).display());
    let variables = ["STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"].map(variable);
    let probe = format!("--config.file={}", home.config_file().display());
    for (given, place) in [
        (0, "STATE_DIRECTORY"),
        (1, "XDG_STATE_HOME/wolkvox-exporter"),
        (2, "HOME/.local/state/wolkvox-exporter"),
        (3, ""),
    ] {
        let cleared =
            ["-u", "WOLKVOX_EXPORTER_STATE_DIR", "-u", "STATE_DIRECTORY", "-u", "XDG_STATE_HOME", "-u", "HOME"];
        let set = variables[given..].iter().map(String::as_str);
        let words: Vec<&str> = cleared.into_iter().chain(set).chain([EXPORTER, "check", "--probe", &probe]).collect();
        let ended = run("env", &words, b"").await;
        if place.is_empty() {
            assert!(ended.code == Some(1) && ended.stderr.contains("hint: give one with --state.dir"), "{ended:?}");
            continue;
        }
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(folder.path().join(place).join("acme/calls.json").exists(), "{place}: {:?}", tree(folder.path()));
    }
    assert_eq!(home.charged(), 3);
}
