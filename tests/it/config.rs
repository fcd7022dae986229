//! A wrong config ends the program with a word on what, where, and what to do.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use wolkvox_simulator::Simulator;

use crate::support::child::{EXPORTER, Ended, Running, exporter};
use crate::support::harness::{Setup, TOKEN, config_folder, settings, until};

const GOOD: &str = "operations:\n  - name: acme\n    server: \"0003\"\n    token_file: token\n";

async fn check(folder: &Path) -> Ended {
    exporter(&["check", &format!("--config.file={}", folder.join("wolkvox-exporter.yml").display())]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_mistake_names_file_and_line_and_repeats_no_token() {
    let with = |line: &str| format!("{GOOD}    {line}\n");
    let instead = |token: &str| GOOD.replace("token_file: token", token);
    for (config, what, place) in [
        (instead("token_file: nowhere"), "cannot be read", ":4:17"),
        (instead("token_file: ."), "cannot be read", ":4:17"),
        (instead("token_file: empty"), "empty is empty", ":4:17"),
        (instead(&format!("token: {TOKEN}")), "refused", ":4:12"),
        (with("tokn_file: x"), "unknown key", ":5:5"),
        (with("licenses: many"), "not a whole number", ":5:15"),
        (with("timezone: Bogota"), "the timezone Bogota is not known", ":5:15"),
        (with("reports: [agent_3]"), "report agent_3 is not known", ":5:15"),
        (GOOD.replace("\"0003\"", "wolkvox"), "server is not", ":3:13"),
        (GOOD.replace("server: \"0003\"", "base_url: http://wv0003.wolkvox.com"), "plain http", ":3:15"),
        (
            format!("{GOOD}  - {{name: acme, server: \"0003\", token_file: token}}\n"),
            "of this name is there already",
            ":5:12",
        ),
        (format!("{GOOD}polling: {{interval: 4m59s}}\n"), "under 5m", ":5:21"),
        (format!("{GOOD}polling: [\n"), "", ":"),
        (String::new(), "", ":1:1"),
    ] {
        let folder = config_folder(&config);
        std::fs::write(folder.path().join("empty"), " \n").unwrap();
        let ended = check(folder.path()).await;
        assert_eq!(ended.code, Some(1), "{config}\n{ended:?}");
        assert!(ended.stderr.contains(what), "{config}\n{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("wolkvox-exporter.yml{place}")), "{config}\n{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked") && !ended.stderr.contains("s3cr3t"), "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_is_missing_or_no_text_is_told_by_its_name() {
    let folder = config_folder("\u{0}");
    std::fs::write(folder.path().join("wolkvox-exporter.yml"), b"\xff\xfe\x00").unwrap();
    let binary = check(folder.path()).await;
    std::fs::remove_file(folder.path().join("wolkvox-exporter.yml")).unwrap();
    let missing = check(folder.path()).await;
    for ended in [binary, missing] {
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(
            ended.stderr.contains("wolkvox-exporter.yml") && ended.stderr.contains("cannot be read"),
            "{}",
            ended.stderr
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_config_is_called_fine_without_a_single_call() {
    let folder = config_folder(GOOD);
    let ended = check(folder.path()).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("fine"), "{}", ended.stdout);
}

/// The cells of the rows that begin so, however wide the columns are.
fn rows(told: &str, start: &str) -> Vec<String> {
    let rows = told.lines().filter(|line| line.starts_with(start));
    rows.map(|row| row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" | "))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_what_will_run_at_what_pace_and_what_it_costs() {
    let beta = "  - {name: beta, server: \"0003\", token_env: HOME, licenses: 1, reports: [agent_kpi, \
                {name: smart_wait, windows: [yesterday]}, {name: agent_aux_time, interval: 10m, windows: [today, yesterday]}]}\n";
    let folder = config_folder(&format!("{GOOD}{beta}privacy: {{agent_name: omitted}}\n"));
    let told = check(folder.path()).await.stdout;
    assert!(told.contains("agents: omitted"), "{told}");
    // Without licenses the day is taken for 1,000 requests, 6 of them to ask and, as yesterday gives way first, 5 for yesterday: 86,400 s / 989 × 5 = 7m 16s.
    assert_eq!(rows(&told, "acme  ").len(), 6, "{told}");
    assert_eq!(rows(&told, "acme  ")[0], "acme | agent_aux_time | today, yesterday | 5m | 7m 16s | 199 | 19.9 %");
    assert_eq!(rows(&told, "acme  ")[5], "acme | token_info | 6 | 0.6 %");
    let sentence = "acme: 5 reports, the fastest every 5m, want 1,471 API requests a day, and 1,000 are to be had: \
                    none is asked more often than every 7m 16s";
    assert!(told.contains(sentence) && told.contains("until the vendor has said more"), "{told}");
    assert_eq!(
        rows(&told, "beta  "),
        [
            "beta | agent_kpi | today, yesterday | 5m | 5m | 293 | 29.3 %",
            "beta | smart_wait | yesterday | 5m | fixed times | 5 | 0.5 %",
            "beta | agent_aux_time | today, yesterday | 10m | 10m | 149 | 14.9 %",
        ]
    );
    assert!(
        told.contains("beta: 2 reports, the fastest every 5m, want 447 API requests a day, and 1,000 are to be had\n"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_makes_no_key_and_no_state() {
    let folder = config_folder(&format!("{GOOD}privacy: {{agent_name: hashed}}\n"));
    let ended = check(folder.path()).await;
    assert!(ended.code == Some(0) && ended.stdout.contains("agents: hashed"), "{ended:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "the config and its token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_everybody_can_read_is_told_in_the_log_and_by_a_check_and_one_for_the_group_is_not() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let folder = config_folder(&Setup::default().config(&simulator.base_url()));
    let set = |name: &str, mode| {
        std::fs::set_permissions(folder.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let config = format!("--config.file={}", folder.path().join("wolkvox-exporter.yml").display());
    for (mode, is_told) in [(0o640, false), (0o644, true)] {
        set(".", 0o755);
        set("token", mode);
        let checked = check(folder.path()).await.stdout;
        assert_eq!(checked.contains("everybody on this machine can read this secret"), is_told, "{checked}");
        let mut serve = Running::start(EXPORTER, &[&config, "--web.listen-address=127.0.0.1:0", "--state.dir=none"]);
        serve.after("address=").await;
        until("the config", async || serve.said().contains("config loaded").then_some(())).await;
        let (_, _, said) = serve.terminate().await;
        assert_eq!(said.contains("everybody on this machine can read a secret"), is_told, "{said}");
        assert!(!said.contains(TOKEN), "{said}");
    }
}
