//! What reaches a proxy that the environment names.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wolkvox_simulator::Simulator;

use crate::support::child::{EXPORTER, Running, run};
use crate::support::harness::{CONFIG_FILE, TOKEN, config_folder, settings, until, zone_name};
use crate::support::http;
use crate::support::scraped::Scraped;

/// Arguments of `env`: what this machine says of proxies is not what is tested.
const UNSET: [&str; 8] = [
    "--unset=HTTPS_PROXY",
    "--unset=https_proxy",
    "--unset=HTTP_PROXY",
    "--unset=http_proxy",
    "--unset=ALL_PROXY",
    "--unset=all_proxy",
    "--unset=NO_PROXY",
    "--unset=no_proxy",
];

/// A proxy that lets nothing through and remembers everything that it was told.
struct Proxy {
    port: u16,
    heard: Arc<Mutex<String>>,
}

impl Proxy {
    async fn start() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound listener").port();
        let heard = Arc::<Mutex<String>>::default();
        let ours = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let heard = Arc::clone(&ours);
                tokio::spawn(async move {
                    let mut bytes = [0; 4096];
                    while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                        heard.lock().expect("whole").push_str(&String::from_utf8_lossy(&bytes[..length]));
                        let refused = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                        let _ = stream.write_all(refused).await;
                    }
                });
            }
        });
        Proxy { port, heard }
    }

    fn heard(&self) -> String {
        self.heard.lock().expect("whole").clone()
    }
}

/// Three operations: on this machine, beyond it over https, and beyond it over plain http.
fn config(simulator: &Simulator) -> String {
    let operation = |name: &str, base_url: &str, more: &str| {
        format!(
            "  - name: {name}\n    base_url: {base_url}\n    token_file: token\n    timezone: {}\n    licenses: 40\n    \
             reports: [agent_aux_time]\n{more}",
            zone_name()
        )
    };
    let ours = operation("ours", &format!("{}/", simulator.base_url()), "");
    let named = operation("named", &simulator.base_url().replace("127.0.0.1", "localhost"), "");
    let beyond = operation("beyond", "https://wv0003.wolkvox.invalid", "");
    let direct = operation("direct", "https://wv0004.wolkvox.example", "");
    format!(
        "operations:\n{ours}{named}{beyond}{direct}polling: {{interval: 1s, allow_faster_than_vendor: true, windows: [today]}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_a_proxy_hears_nothing_of_an_operation_on_this_machine_and_no_token_of_another() {
    let proxy = Proxy::start().await;
    let simulator = Simulator::start(settings()).await.expect("a free port");
    let folder = config_folder(&config(&simulator));
    let config = format!("--config.file={}", folder.path().join(CONFIG_FILE).display());
    let at = |user: &str| format!("http://{user}127.0.0.1:{}", proxy.port);
    let cases = [
        vec![
            format!("http_proxy={}", at("")),
            format!("https_proxy={}", at("")),
            "no_proxy=wolkvox.example".to_owned(),
        ],
        vec![format!("ALL_PROXY={}", at("us3r:p4ssword@")), "NO_PROXY=wolkvox.example".to_owned()],
    ];
    for environment in cases {
        let mut args: Vec<&str> = UNSET.into_iter().chain(environment.iter().map(String::as_str)).collect();
        args.extend([EXPORTER, "check", &config]);
        let checked = run("env", &args, b"").await;
        let mut names: Vec<&str> = environment.iter().filter_map(|set| set.split('=').next()).collect();
        names.sort_by_key(|name| !name.contains("https"));
        let expected = format!(
            "proxy: 127.0.0.1:{} for beyond; none for ours, named, direct, by {}\n",
            proxy.port,
            names.join(", ")
        );
        assert!(checked.stdout.contains(&expected), "{expected} is not in {checked:?}");
        assert!(!checked.stdout.contains("p4ssword") && !checked.stderr.contains("p4ssword"), "{checked:?}");

        proxy.heard.lock().expect("whole").clear();
        let place = args.len() - 2;
        args[place] = "--web.listen-address=127.0.0.1:0";
        let mut exporter = Running::start("env", &args);
        let address = exporter.after("address=").await.parse().expect("an address");
        until("the operations on this machine, and the proxy", async || {
            let scraped = Scraped::parse(&http::get(address, "/metrics").await.text());
            let up = |operation: &str| scraped.value("wolkvox_report_up", &[&format!("operation=\"{operation}\"")]);
            let tried =
                !scraped.find("wolkvox_report_last_attempt_timestamp_seconds", &["operation=\"direct\""]).is_empty();
            (up("ours") == Some(1.0) && up("named") == Some(1.0) && tried && proxy.heard().contains("CONNECT "))
                .then_some(())
        })
        .await;
        let heard = proxy.heard();
        assert!(heard.contains("CONNECT wv0003.wolkvox.invalid:443 "), "{heard}");
        for secret in [TOKEN, "agent_3", "GET ", "localhost:", &simulator.address().to_string(), "wolkvox.example"] {
            assert!(!heard.contains(secret), "{secret} reached the proxy: {heard}");
        }
        assert!(!exporter.said().contains("p4ssword"), "{}", exporter.said());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_proxy_variable_check_says_that_there_is_no_proxy() {
    let simulator = Simulator::start(settings()).await.expect("a free port");
    let folder = config_folder(&config(&simulator));
    let config = format!("--config.file={}", folder.path().join(CONFIG_FILE).display());
    let checked = run("env", &[&UNSET[..], &[EXPORTER, "check", &config]].concat(), b"").await;
    assert!(checked.stdout.contains("proxy: none, as no proxy variable is set\n"), "{checked:?}");
}
