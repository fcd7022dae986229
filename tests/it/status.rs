//! The status answers an operator at 3 a.m., on any screen and in any state.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use wolkvox_simulator::{Fault, Scope};

use crate::support::browser::Browser;
use crate::support::child::{EXPORTER, Running};
use crate::support::forty;
use crate::support::harness::{Harness, Setup, TOKEN, until};
use crate::support::http;

const PHONE: (u32, u32) = (390, 844);
const SMALL_PHONE: (u32, u32) = (360, 740);
const DESK: (u32, u32) = (1280, 900);
/// A name that takes over a page which shows it as anything but text.
const HOSTILE: &str = r#"<img src=x onerror=document.title="owned">"#;
/// A name that is written from the right and turns what follows it, and how often another one says that it is long.
const FROM_THE_RIGHT: &str = "\u{202e}مركز الاتصال";
const LONG: usize = 60;

fn only(api: &str) -> Scope {
    Scope { api: Some(api.to_owned()), ..Scope::default() }
}

/// One report of each kind of trouble: one fails, one is refused with a hostile text, one has values that cannot be
/// read, and one has more series than it may.
fn trouble() -> Setup {
    let faults = vec![
        (Fault::Status(500), only("agent_9")),
        (Fault::Forbidden(format!("{HOSTILE} {TOKEN}")), only("chat_7")),
        (Fault::BadValues, only("agent_3")),
    ];
    Setup { faults, limits: "{series_per_report: 40}", operations: &["acme"], ..Setup::frozen() }
}

async fn status_json(harness: &Harness) -> Value {
    serde_json::from_str(&harness.get("/status.json").await.text()).expect("JSON")
}

/// The reports of the first operation.
fn reports(status: &Value) -> &[Value] {
    status["operations"][0]["reports"].as_array().expect("reports")
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_the_json_names_each_report_with_its_state_and_why() {
    let harness = Harness::start(trouble()).await;
    let status = status_json(&harness).await;
    let of = |name: &str| reports(&status).iter().find(|report| report["report"] == name).expect("a report").clone();
    assert_eq!(of("smart_wait")["state"], "fresh");
    let failing = of("agent_hold_mute");
    assert_eq!((&failing["state"], &failing["failure"]["reason"]), (&"failing".into(), &"http_5xx".into()));
    assert_eq!((&failing["serves_to"], &failing["consecutive_failures"]), (&Value::Null, &1.into()));
    assert_eq!(of("closed_interactions")["failure"]["reason"], "forbidden_other");
    let scraped = harness.scrape().await;
    for rejected in of("agent_aux_time")["rejected_values"].as_array().expect("rejected values") {
        let field = format!("field=\"{}\"", rejected["field"].as_str().expect("a field"));
        let counted = scraped.value("wolkvox_report_rejected_values_total", &["report=\"agent_aux_time\"", &field]);
        assert_eq!(rejected["values"].as_f64(), counted, "{field}");
    }
    assert!(!of("agent_aux_time")["rejected_values"].as_array().expect("rejected values").is_empty());
    let dropped = scraped.value("wolkvox_report_dropped_series_total", &["report=\"agent_kpi\""]);
    assert_eq!(of("agent_kpi")["dropped_series"].as_f64(), dropped);
    assert!(dropped > Some(0.0));
    assert_eq!(status["verdict"]["ok"], false);
    assert_eq!(status["verdict"]["text"], "2 of 5 reports need a look");
    let budget = &status["operations"][0]["budget"];
    assert_eq!(budget["left_calls"].as_f64(), scraped.value("wolkvox_api_budget_remaining", &[]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_reload_shows_with_its_reason_until_one_works() {
    let harness = Harness::start(Setup { reports: "[agent_aux_time]", ..Setup::frozen() }).await;
    let good =
        Setup { reports: "[agent_aux_time, smart_wait]", ..Setup::frozen() }.config(&harness.simulator.base_url());
    let loaded_at = status_json(&harness).await["config"]["loaded_at"].clone();
    assert_eq!(harness.reload(&good.replace("token_file: token", &format!("token: {TOKEN}"))).await.status, 500);
    let refused = status_json(&harness).await;
    let reason = refused["config"]["refused_because"].as_str().expect("a reason");
    assert!(reason.contains("a token written into the config is refused") && !reason.contains("s3cr3t"), "{reason}");
    assert_eq!(refused["config"]["loaded_at"], loaded_at);
    assert_eq!(refused["verdict"]["ok"], false);
    assert_eq!(reports(&refused).len(), 1, "the old config is in force");
    assert_eq!(harness.reload(&good).await.status, 200);
    let taken = status_json(&harness).await;
    assert_eq!(taken["config"]["refused_because"], Value::Null);
    assert_eq!(reports(&taken).len(), 2);
    let file = taken["config"]["file"].as_str().expect("a file");
    assert_eq!(Path::new(file), harness.config.path().join(crate::support::harness::CONFIG_FILE));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_never_kept_and_a_head_says_its_length() {
    let harness = Harness::start(Setup { reports: "[agent_aux_time]", ..Setup::frozen() }).await;
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/?refresh=off", "text/html; charset=utf-8"),
        ("/?lang=es&q=acme", "text/html; charset=utf-8"),
        ("/status.json", "application/json"),
        ("/docs/metrics.md", "text/plain; charset=utf-8"),
    ] {
        let answer = harness.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        let head = http::send(harness.address, "HEAD", path, "").await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert!(head.header("content-length").is_some_and(|length| length != "0"), "{path}");
    }
    let page = http::send(harness.address, "GET", "/docs/metrics.md", "Accept: text/html,*/*;q=0.8\r\n").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("<td><code>wolkvox_agent_aux_seconds</code></td>"), "{}", page.text());
    let policy = harness.get("/").await.header("content-security-policy").map(str::to_owned).expect("a policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
}

/// The least contrast between a text and what is behind it; 4.5 is readable for most people.
const LEAST_CONTRAST: &str = r"
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const parts = color => color.match(/[\d.]+/g).map(Number);
    const ground = e => { for (; e; e = e.parentElement) {
        const c = parts(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } };
    const texts = [...document.querySelectorAll('body *')].filter(e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()));
    return texts.map(e => [light(parts(getComputedStyle(e).color)), light(ground(e))].sort((a, b) => b - a))
        .map(([high, low]) => (high + 0.05) / (low + 0.05)).reduce((least, c) => Math.min(least, c), 21);";

/// Headers of tables that a screen reader could not announce, and tables without a name.
const NAMELESS: &str =
    "return document.querySelectorAll('th:not([scope]), table:not(:has(caption)), td:first-child').length";

/// Names and headings of few words that stand on many lines.
const SQUEEZED: &str = "const height = e => { const range = document.createRange(); range.selectNodeContents(e);\
    return range.getBoundingClientRect().height; };\
    return [...document.querySelectorAll('caption, h1, h2, th, summary')]\
    .filter(e => e.offsetWidth > 1 && height(e) > 100 && e.innerText.length < 120).map(e => e.innerText)";

/// Texts that somebody would have to scroll sideways for, or cannot see the end of, and figures on more than one line.
const CUT: &str = "const shown = e => getComputedStyle(e).clipPath == 'none' && e.closest('thead, details:not([open]) > :not(summary)') == null;\
    const cut = e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display != 'inline';\
    const outside = e => e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1;\
    const broken = e => e.matches('.figure, td.n') && e.getClientRects().length > 1;\
    return [...document.querySelectorAll('body *')].filter(shown).filter(e => cut(e) || outside(e) || broken(e)).map(e => e.outerHTML)";

/// On every screen and in both schemes: no console error, nothing beyond the edge, every text readable.
async fn assert_presentable(browser: &Browser, url: &str) {
    for (width, height) in [PHONE, SMALL_PHONE, DESK] {
        for scheme in ["light", "dark"] {
            browser.dress(width, height, scheme).await;
            browser.open(url).await;
            assert_eq!(browser.console().await, Vec::<String>::new(), "{url}");
            let overhang = browser.script("return document.documentElement.scrollWidth - innerWidth").await;
            assert!(
                overhang.as_f64().is_some_and(|pixels| pixels <= 0.0),
                "{overhang} pixels beyond the edge of {width}"
            );
            assert_eq!(browser.script(SQUEEZED).await, json!([]), "{width} pixels");
            assert_eq!(browser.script(CUT).await, json!([]), "{width} pixels");
            let contrast = browser.script(LEAST_CONTRAST).await;
            assert!(contrast.as_f64() >= Some(4.5), "contrast {contrast}, {scheme}");
            let ground = browser.script("return getComputedStyle(document.body).backgroundColor").await;
            assert_eq!(ground == "rgb(255, 255, 255)", scheme == "light", "{ground}");
            assert_eq!(browser.script(NAMELESS).await, 0, "a table cell that nobody can announce");
        }
    }
}

async fn calm(browser: &Browser) {
    let harness = Harness::start(Setup { windows: "[today, yesterday]", ..Setup::frozen() }).await;
    let url = format!("http://{}/", harness.address);
    assert_presentable(browser, &format!("{url}?lang=es")).await;
    assert_eq!(browser.script("return document.title").await, "los 10 informes están al día · wolkvox-exporter");
    let declared = "return [document.documentElement.lang, document.querySelector('[aria-current]').innerText]";
    assert_eq!(browser.script(declared).await, json!(["es", "Español"]));
    browser.script("[...document.links].find(link => link.text == 'English').click()").await;
    until("the English page", async || (browser.script(declared).await == json!(["en", "English"])).then_some(()))
        .await;
    assert_presentable(browser, &url).await;
    assert_eq!(browser.script("return document.title").await, "all 10 reports fresh · wolkvox-exporter");
    let text = browser.text().await;
    for part in ["all 10 reports fresh", "acme", "agent_kpi", "yesterday", "39,990", "licences"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Needs a look") && !text.contains("Left out"), "{text}");
    let links = browser.script("return [...document.querySelectorAll('nav a')].map(a => a.href)").await;
    for link in links.as_array().expect("links") {
        let path = link.as_str().expect("a link").strip_prefix(url.trim_end_matches('/')).expect("a link to here");
        assert_eq!(harness.get(path).await.status, 200, "{path}");
    }
}

/// How often a page was asked for.
async fn loads(harness: &Harness) -> f64 {
    harness.scrape().await.sum("wolkvox_exporter_http_requests_total", &["handler=\"status\""])
}

/// Two pages of one exporter, in the order in which they were opened.
struct SideBySide {
    harness: Harness,
    stopped: Value,
    refreshing: Value,
}

/// What a page keeps until it is loaded again.
const MARK: &str = "window.isMarked = true";
const IS_MARKED: &str = "return window.isMarked === true";

/// One page that was stopped, and then one that refreshes.
async fn one_stopped_one_not(browser: &Browser) -> SideBySide {
    let harness = Harness::start(Setup { reports: "[agent_aux_time]", ..Setup::frozen() }).await;
    let url = format!("http://{}/", harness.address);
    browser.open(&url).await;
    browser.script("[...document.links].find(link => link.text == 'stop').click()").await;
    until("the page that stays", async || browser.text().await.contains("Does not refresh").then_some(())).await;
    let refreshes = "return document.querySelectorAll('meta[http-equiv=refresh]').length";
    assert_eq!(browser.script(refreshes).await, 0);
    browser.script(MARK).await;
    let stopped = browser.beside().await;
    browser.open(&format!("{url}?lang=es&q=acme")).await;
    browser.script(MARK).await;
    let refreshing = browser.beside().await;
    SideBySide { harness, stopped, refreshing }
}

/// Of the two pages the stopped one was there first: it would have been asked for again before the other.
async fn assert_only_one_refreshes(browser: &Browser, pages: &SideBySide) {
    until("a refresh", async || (loads(&pages.harness).await >= 4.0).then_some(())).await;
    browser.back_to(&pages.stopped).await;
    assert_eq!(browser.script(IS_MARKED).await, true);
    browser.back_to(&pages.refreshing).await;
    until("the page anew", async || (browser.script(IS_MARKED).await == false).then_some(())).await;
    assert_eq!(browser.script("return location.search").await, "?lang=es&q=acme");
}

async fn troubled(browser: &Browser) {
    let harness = Harness::start(trouble()).await;
    let names = [HOSTILE.replace('\'', "''"), FROM_THE_RIGHT.to_owned(), "very-long-".repeat(LONG)];
    let config = Setup { operations: &["<0>", "<1>", "<2>"], ..trouble() }.config(&harness.simulator.base_url());
    let config = (0..3).fold(config, |config, at| config.replace(&format!("<{at}>"), &format!("'{}'", names[at])));
    assert_eq!(harness.reload(&config).await.status, 200);
    harness
        .scrape_until("polls of the renamed operations", |scraped| scraped.sum("wolkvox_report_up", &[]) == 9.0)
        .await;
    assert_eq!(harness.reload("operations: []\n").await.status, 500);
    assert_presentable(browser, &format!("http://{}/", harness.address)).await;
    let text = browser.text().await;
    for part in [
        "6 of 15 reports need a look; the changed config was refused",
        "http_5xx",
        "forbidden_other",
        "hint: the vendor has a fault",
        "unreadable values of time",
        "series over limits.series_per_report",
        "operations is empty",
        HOSTILE,
        FROM_THE_RIGHT,
        &names[2],
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.find("http_5xx") < text.find("smart_wait"), "problems come first");
    let elements = browser.script("return document.querySelectorAll('img, script').length").await;
    assert_eq!(elements, 0, "a name became an element");
    assert_eq!(browser.script("return document.title.includes('need a look')").await, true);
    assert!(!text.contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_speaks_the_language_that_the_browser_asks_for_and_says_which() {
    let harness = Harness::start(Setup { reports: "[agent_aux_time]", ..Setup::frozen() }).await;
    for (path, accepts, language) in [
        ("/", "", "en"),
        ("/", "Accept-Language: es-CO,es;q=0.9,en;q=0.8\r\n", "es"),
        ("/", "Accept-Language: es;q=0.3,en-GB;q=0.8\r\n", "en"),
        ("/?lang=es", "Accept-Language: en\r\n", "es"),
        ("/?lang=en", "Accept-Language: es\r\n", "en"),
    ] {
        let page = http::send(harness.address, "GET", path, accepts).await;
        assert_eq!(page.header("content-language"), Some(language), "{path} {accepts}");
        assert_eq!(page.header("vary"), Some("Accept-Language"), "{path} {accepts}");
        assert!(page.text().contains(&format!("<html lang=\"{language}\">")), "{path} {accepts}");
        let json = http::send(harness.address, "GET", "/status.json", accepts).await.text();
        assert!(json.contains("the only report is fresh"), "programs are told the same whoever asks: {json}");
    }
}

/// The status once every operation that is troubled shows it.
async fn in_full_trouble(harness: &Harness) -> Option<Value> {
    let status = status_json(harness).await;
    let affected = |cause: &Value| cause["operations"].as_array().map_or(0, Vec::len);
    let all: usize = status["causes"].as_array().expect("causes").iter().map(affected).sum();
    (all == forty::TROUBLED).then_some(status)
}

/// Pixels down to the end of what needs a look, and of the whole page.
const HEIGHTS: &str = "return [document.querySelector('.causes').getBoundingClientRect().bottom + scrollY,\
    document.documentElement.scrollHeight]";

#[tokio::test(flavor = "multi_thread")]
async fn forty_operations_with_four_causes_fit_on_a_screen_and_each_is_found() {
    let harness = forty::start(Duration::from_secs(10), Duration::from_hours(1)).await;
    forty::refuse_tokens(&harness);
    forty::trouble_reports(&harness);
    let status = until("all that fails", async || in_full_trouble(&harness).await).await;
    let causes = status["causes"].as_array().expect("causes");
    let reasons: Vec<&str> = causes.iter().map(|cause| cause["reason"].as_str().expect("a reason")).collect();
    assert_eq!(reasons, ["token_rejected", "schema", "http_5xx", "timeout"]);
    let browser = Browser::start().await;
    let url = format!("http://{}/", harness.address);
    for ((width, height), most) in [(DESK, [720, 1_500]), (PHONE, [1_800, 5_000])] {
        for language in ["en", "es"] {
            browser.dress(width, height, "light").await;
            browser.open(&format!("{url}?refresh=off&lang={language}")).await;
            assert_eq!(browser.script("return document.querySelectorAll('.causes tbody tr').length").await, 4);
            assert_eq!(browser.script("return document.querySelectorAll('summary').length").await, 40);
            let heights = browser.script(HEIGHTS).await;
            println!("{width} pixels, {language}: {heights} pixels high");
            for (height, most) in heights.as_array().expect("heights").iter().zip(most) {
                assert!(height.as_f64() <= Some(f64::from(most)), "{width} pixels wide, {language}: {heights}");
            }
        }
    }
    println!("{} bytes", harness.get("/").await.text().len());
    assert_presentable(&browser, &format!("{url}?refresh=off")).await;
    // A row leads to an operation, which opens.
    browser.script("document.querySelector('.causes a').click()").await;
    let open = "return [...document.querySelectorAll('details[open] summary bdi')].map(name => name.innerText)";
    until("the reports of one", async || (browser.script(open).await == json!(["centro-03"])).then_some(())).await;
    browser.open(&format!("{url}?refresh=off&lang=es")).await;
    browser
        .script("document.querySelector('[name=q]').value = 'CENTRO-2'; document.querySelector('form button').click()")
        .await;
    let here = "return [location.search, document.querySelectorAll('summary').length]";
    let found = json!(["?lang=es&refresh=off&q=CENTRO-2", 10]);
    until("what was searched for", async || (browser.script(here).await == found).then_some(())).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.quit().await;
}

/// What axe-core finds, but for the refresh: it can be stopped, and a status that does not change by itself is of no use.
const AXE: &str = "return axe.run({rules: {'meta-refresh': {enabled: false}}}).then(found => found.violations\
    .map(one => [one.id, one.help, ...one.nodes.map(node => node.html)]))";

/// axe-core is not part of this repository: where `AXE_CORE` names its file, it judges the pages.
#[tokio::test(flavor = "multi_thread")]
async fn axe_core_finds_no_violation_on_any_page_where_it_is_at_hand() {
    let Some(file) = std::env::var_os("AXE_CORE") else { return };
    let axe = std::fs::read_to_string(file).expect("the file that AXE_CORE names");
    let mut demo = Running::start(EXPORTER, &["demo", "--web.listen-address=127.0.0.1:0"]);
    let demo_address = demo.after("http://").await;
    let forty = forty::start(Duration::from_secs(10), Duration::from_hours(1)).await;
    forty::refuse_tokens(&forty);
    forty::trouble_reports(&forty);
    until("all that fails", async || in_full_trouble(&forty).await).await;
    let browser = Browser::start().await;
    for address in [demo_address.trim_end_matches('/').to_owned(), forty.address.to_string()] {
        for (width, height) in [DESK, PHONE] {
            for scheme in ["light", "dark"] {
                for query in ["lang=en&refresh=off", "lang=es&refresh=off", "lang=es&refresh=off&q=o"] {
                    browser.dress(width, height, scheme).await;
                    browser.open(&format!("http://{address}/?{query}")).await;
                    let found = browser.script(&format!("{axe};{AXE}")).await;
                    assert_eq!(found, json!([]), "{width} pixels, {scheme}, {query}");
                    println!("axe-core: no violation at {width} pixels, {scheme}, {query}");
                }
            }
        }
    }
    browser.quit().await;
    demo.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_the_page_on_every_screen_hostile_names_stay_text_and_the_refresh_stops() {
    let browser = Browser::start().await;
    let pages = one_stopped_one_not(&browser).await;
    calm(&browser).await;
    troubled(&browser).await;
    assert_only_one_refreshes(&browser, &pages).await;
    browser.quit().await;
}
