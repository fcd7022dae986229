//! The parts of a day add up to the day.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use wolkvox_exporter::aggregate::{Aggregator, RowPlan, SeriesCap};
use wolkvox_exporter::catalog::{Catalog, Combine, Privacy, Report};
use wolkvox_exporter::time::{Window, WindowName};
use wolkvox_exporter::wolkvox::read_whole;
use wolkvox_simulator::{Operation, Request, Settings, Vendor};

use crate::support::harness::zone;

const TOKEN: &str = "additive";

type Sums = BTreeMap<String, f64>;

/// What the exporter makes of one report over a part of yesterday: the series of each metric that sums.
fn aggregated(vendor: &Vendor, report: &Report, window: &Window, now: Timestamp) -> Sums {
    let (ini, end) = window.whole().vendor_dates();
    let params: String =
        report.sent_params().iter().fold(String::new(), |text, (name, value)| format!("{text}&{name}={value}"));
    let target = format!("/api/v2/{}?api={}{params}&date_ini={ini}&date_end={end}", report.endpoint, report.api);
    let answer = vendor.answer(&Request::get(&target, Some(TOKEN)), now);
    let plan = Arc::new(RowPlan::new(report, &Privacy::default()));
    let mut aggregator = Aggregator::new(Arc::clone(&plan), window.clone());
    if answer.status != 404 {
        assert_eq!(answer.status, 200, "{}", answer.text());
        read_whole(&answer.body, &mut aggregator).expect("the simulator answers as documented");
    }
    let aggregated = aggregator.finish(usize::MAX, &mut SeriesCap::default()).expect("every declared field is there");
    let sums: Vec<_> = report
        .metrics
        .iter()
        // The vendor rounds the averages that some are made of.
        .filter(|metric| is_sum(&metric.values[0].combine, report.is_default))
        .map(|metric| Arc::clone(&metric.family))
        .collect();
    let families = aggregated.render("acme", WindowName::Yesterday).expect("no bound on memory");
    let texts = families.into_iter().filter(|(family, _)| sums.contains(family)).map(|(_, segment)| segment.text());
    let mut series = Sums::new();
    for line in texts.flat_map(|text| String::from_utf8(text).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()) {
        let (labels, value) = line.rsplit_once(' ').unwrap();
        assert!(series.insert(labels.to_owned(), value.parse().unwrap()).is_none(), "{line}");
    }
    series
}

fn is_sum(combine: &Combine, is_exact: bool) -> bool {
    match combine {
        Combine::Sum { times: Some(_), .. } => is_exact,
        combine => matches!(combine, Combine::Count | Combine::Sum { .. }),
    }
}

proptest! {
    // Each case computes a day of every report three times.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn two_parts_of_a_day_add_up_to_the_day_in_every_metric_that_sums(
        seed in any::<u64>(), cut in 1_i64..86_399, noon in any::<bool>(),
    ) {
        let now = Timestamp::now();
        let day = Window::at(WindowName::Yesterday, now, &zone());
        let cut = if noon { 43_200 } else { cut };
        let middle = day.start() + SignedDuration::from_secs(cut);
        let part = |start, end| Window::restored(day.name(), &zone(), start, end, day.expires());
        let parts = [part(day.start(), middle - SignedDuration::from_secs(1)), part(middle, day.end())];
        let operation = Operation { zone: zone(), ..Operation::new(TOKEN) };
        let vendor = Vendor::new(Settings { seed, operations: vec![operation], clock: Arc::new(move || now), ..Settings::default() });
        let catalog = Catalog::builtin().unwrap();
        for report in catalog.reports().iter().filter(|report| report.takes_long_windows()) {
            let report = &Report::settled(report, &BTreeMap::new());
            let whole = aggregated(&vendor, report, &day, now);
            prop_assert!(!whole.is_empty(), "{}", report.name);
            let mut sums = Sums::new();
            for part in &parts {
                for (series, value) in aggregated(&vendor, report, part, now) {
                    *sums.entry(series).or_default() += value;
                }
            }
            prop_assert_eq!(sums, whole, "{}", &report.name);
        }
    }
}
