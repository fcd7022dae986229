//! Does a wrong config end the program with a word on what, where, and what to do?

use std::path::Path;

use crate::child::{Ended, exporter};
use crate::stage::{TOKEN, config_folder};

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
        (instead("token_file: empty"), "the token is empty", ":4:17"),
        (instead(&format!("token: {TOKEN}")), "refused", ":4:12"),
        (with("tokn_file: x"), "unknown field", ":5:5"),
        (with("licenses: many"), "not a whole number", ":5:15"),
        (with("timezone: Bogota"), "timezone is not known", ":5:15"),
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
