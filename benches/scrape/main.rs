//! A bench of what a scrape costs, beside what others make of the same series.
//!
//! `benches/run` runs everything and writes `benches/RESULTS.md`. Every server is a process of its own, the scraper is
//! this one, and all stay on this machine's loopback.

mod child;
mod client;
mod data;
mod polls;
mod results;
mod servers;
mod start;

use std::time::{Duration, Instant};

use child::Server;
use client::{Client, Times, repeat};
use polls::Cost;
use results::{Contender, Results, Size, UnderPolls};

// The allocator of the shipped binary, for all alike.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
const SIZES_OF_POLLS: [usize; 4] = [10_000, 60_000, 100_000, 1_000_000];
const PEERS: [&str; 3] = ["family", "collector", "metrics-exporter"];
/// Python needs minutes beyond.
const PYTHON_MOST: usize = 100_000;
/// Until freed memory is back at the system.
const IDLE: Duration = Duration::from_secs(12);
/// Every contender has this many turns of this length, so that whatever else the machine does meets all alike.
const TURNS: usize = 4;
const TURN: Duration = Duration::from_millis(600);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", kind, what] => servers::serve(kind, what),
        ["polls"] => {
            // As many series of both.
            for (polled, rows) in [(polls::AUX_TIME, 60_000), (polls::AGENT_TIME, 5_000)] {
                let mut cost = Cost::default();
                polls::measure(&polled, rows, Duration::from_secs(5), &mut cost);
                let [from_str, aggregate, poll] =
                    [cost.from_str, cost.aggregate, cost.poll].map(|times| times.shortest());
                println!("{} from_str {from_str:?} aggregate {aggregate:?} poll {poll:?}", polled.report);
            }
        }
        ["size", series] => {
            let size = measure(series.parse().expect("a number of series"));
            println!("{}", Results { sizes: vec![size], ..Results::default() }.scrapes());
        }
        ["polling"] => println!("{}", Results { polling: Some(polling()), ..Results::default() }.under_load()),
        _ => println!("{}", all()),
    }
}

fn all() -> String {
    let mut results = Results { started: Some(start::measure(15)), ..Results::default() };
    results.polls = SIZES_OF_POLLS.map(|rows| (rows, Cost::default())).into();
    measure_polls(&mut results);
    results.polling = Some(polling());
    results.sizes = SIZES.map(measure).into();
    // Minutes later: a neighbour on the machine may have been busy all the time before.
    measure_polls(&mut results);
    results.to_string()
}

fn measure_polls(results: &mut Results) {
    for (rows, cost) in &mut results.polls {
        eprintln!("poll of {rows} rows");
        polls::measure(&polls::AUX_TIME, *rows, Duration::from_secs(10), cost);
    }
}

/// Everyone at one size.
fn measure(series: usize) -> Size {
    eprintln!("{series} series");
    let mut contenders = vec![Contender::new("ours", Server::start("ours", series))];
    contenders.extend(PEERS.map(|kind| Contender::new(kind, Server::start(kind, series))));
    if series <= PYTHON_MOST {
        contenders.extend(Server::python(series).map(|server| Contender::new("python", server)));
    }
    for contender in &mut contenders {
        contender.loaded = contender.server.resident();
    }
    std::thread::sleep(IDLE);
    for contender in &mut contenders {
        contender.idle = contender.server.resident();
    }
    let body = |gzip| Client::new(contenders[0].server.port, gzip).body();
    let (plain, gzip) = (body(false), body(true));
    contenders.push(Contender::new("ready", Server::ready(&plain, &gzip)));
    for coding in [true, false] {
        for _ in 0..TURNS {
            for contender in &mut contenders {
                turn(contender, coding);
            }
        }
    }
    let copies = [&gzip, &plain].map(|body| repeat(TURN, 20, || drop(std::hint::black_box(body.clone()))));
    let idle_after = contenders.iter().map(|contender| contender.server.resident()).collect();
    Size { series, contenders, copies, idle_after }
}

fn turn(contender: &mut Contender, gzip: bool) {
    let mut client = Client::new(contender.server.port, gzip);
    // The first scrape of a connection pays for things that the next ones find ready.
    let slow = client.scrape().took > 2 * TURN;
    let figures = &mut contender.figures[usize::from(!gzip)];
    let (cpu, start) = (contender.server.cpu(), Instant::now());
    let before = figures.times.count();
    while start.elapsed() < TURN && figures.times.count() - before < 1_000 {
        let scrape = client.scrape();
        figures.times.push(scrape.took);
        figures.bytes = scrape.bytes;
        if slow {
            break;
        }
    }
    figures.cpu += contender.server.cpu().saturating_sub(cpu);
}

/// Scrapes of 100,000 series while a poll of 60,000 rows is added up again and again, in turns with quiet ones.
fn polling() -> UnderPolls {
    eprintln!("scrapes while a poll is added up");
    let mut server = Server::start("ours", 100_000);
    let mut client = Client::new(server.port, true);
    let (mut idle, mut busy) = (Times::default(), Times::default());
    // The poll's own series are there in both.
    server.tell("poll");
    std::thread::sleep(Duration::from_secs(1));
    for _ in 0..8 {
        for (word, times) in [("rest", &mut idle), ("poll", &mut busy)] {
            server.tell(word);
            std::thread::sleep(Duration::from_millis(300));
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(1) {
                times.push(client.scrape().took);
                // As scrapers do, and unlike a load test: the next one does not wait for the last.
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
    UnderPolls { idle, busy }
}
