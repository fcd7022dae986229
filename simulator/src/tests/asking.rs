//! How the tests ask, and how they read what they are told.

use super::*;

/// Worlds that differ in everything that matters: seed, zone, agents, lag.
pub(super) const WORLDS: [(u64, &str, usize, bool); 4] = [
    (7, "America/Bogota", 24, false),
    (1, "America/New_York", 7, true),
    (99, "America/Santiago", 1, false),
    (3, "America/Bogota", 12, true),
];

/// Whole days, parts of days, over midnights, and days of 23 and 25 hours.
pub(super) const WINDOWS: [(&str, &str); 6] = [
    ("20260512000000", "20260512235959"),
    ("20260512091500", "20260512101459"),
    ("20260510180000", "20260512060000"),
    ("20260307120000", "20260309120000"),
    ("20251101000000", "20251103235959"),
    ("20260512100000", "20260512100059"),
];

/// One row; its values are texts.
pub(super) struct Row(pub(super) Value);

impl Row {
    pub(super) fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_else(|| panic!("no text {key} in {}", self.0))
    }

    /// A count, or a time in either of the vendor's forms, in seconds.
    pub(super) fn number(&self, key: &str) -> u64 {
        let text = self.text(key);
        let parts = text.split(':').map(|part| part.parse::<u64>().unwrap_or_else(|_| panic!("{key} is {text}")));
        parts.fold(0, |sum, part| sum * 60 + part)
    }

    /// Percent in hundredths, or a decimal number in them.
    pub(super) fn hundredths(&self, key: &str) -> u64 {
        let text = self.text(key).trim_end_matches('%').trim().replace(',', "");
        let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
        let part = format!("{part:0<2}");
        whole.parse::<u64>().unwrap() * 100 + part.parse::<u64>().unwrap()
    }
}

pub(super) fn sum(rows: &[Row], key: &str) -> u64 {
    rows.iter().map(|row| row.number(key)).sum()
}

/// One vendor at one instant.
pub(super) struct Asking {
    pub(super) vendor: Vendor,
    pub(super) zone: &'static str,
    pub(super) now: Timestamp,
}

impl Asking {
    pub(super) fn of((seed, zone, agents, lag): (u64, &'static str, usize, bool), now: Timestamp) -> Asking {
        let vendor = Vendor::new(Settings { lag, ..settings(seed, operation(zone, agents)) });
        Asking { vendor, zone, now }
    }

    /// Each world, late on a day whose windows have passed.
    pub(super) fn all() -> impl Iterator<Item = Asking> {
        WORLDS.into_iter().map(|world| Asking::of(world, local(world.1, 2026, 5, 13, 17)))
    }

    pub(super) fn answer(&self, target: &str) -> Answer {
        self.vendor.answer(&Request::get(&format!("/api/v2/{target}"), Some("t")), self.now)
    }

    fn rows(&self, target: &str) -> Vec<Row> {
        let answer = self.answer(target);
        if answer.status == 404 {
            return Vec::new();
        }
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        let mut value = body(&answer);
        let rows = if value.is_array() { value } else { value["data"].take() };
        rows.as_array().unwrap_or_else(|| panic!("{target} has no rows")).iter().cloned().map(Row).collect()
    }

    /// A report of `reports_manager`, with whatever parameters come with its name.
    pub(super) fn dated(&self, api: &str, (from, to): (&str, &str)) -> Vec<Row> {
        self.rows(&format!("reports_manager.php?api={api}&date_ini={from}&date_end={to}"))
    }

    pub(super) fn real_time(&self, api: &str) -> Vec<Row> {
        self.rows(&format!("real_time.php?api={api}"))
    }

    pub(super) fn indicators(&self, (from, to): (&str, &str)) -> Vec<Row> {
        self.rows(&format!("gamification.php?api=agents_kpi&date_ini={from}&date_end={to}"))
    }

    /// The local day up to the end of the day: what a dated report is asked for today.
    pub(super) fn today(&self) -> (String, String) {
        let date = self.now.to_zoned(TimeZone::get(self.zone).unwrap()).strftime("%Y%m%d").to_string();
        (format!("{date}000000"), format!("{date}235959"))
    }

    /// From one instant to another, both included.
    pub(super) fn between(&self, from: Timestamp, to: Timestamp) -> (String, String) {
        let zone = TimeZone::get(self.zone).unwrap();
        let written = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y%m%d%H%M%S").to_string();
        (written(from), written(to))
    }
}

pub(super) fn borrowed((from, to): &(String, String)) -> (&str, &str) {
    (from, to)
}

/// Instants all over a day, and its very first second, in worlds without lag.
pub(super) fn instants() -> impl Iterator<Item = Asking> {
    let worlds = WORLDS.into_iter().map(|(seed, zone, agents, _)| (seed, zone, agents, false));
    worlds.flat_map(|world| {
        let midnight = local(world.1, 2026, 5, 12, 0);
        let later = (0..24).map(move |slot| after(midnight, slot * 3_607 + slot % 7 * 11));
        // Also on days of 23 and 25 hours.
        let odd = [local(world.1, 2026, 3, 8, 9), local(world.1, 2025, 11, 2, 15)];
        later.chain(odd).map(move |now| Asking::of(world, now))
    })
}
