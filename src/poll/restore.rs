//! How the data of a good poll become a plain record for the state folder, and data again after a restart.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::catalog::{Family, FamilyKind};
use crate::segment::Segment;
use crate::series::InfoEntries;
use crate::state::{DataOrigin, DataRecord, FindingsRecord, InfoRecord, SegmentRecord, State};
use crate::store::{Findings, PollData};
use crate::time::{Moment, Target, Window};

/// The record of a good poll's data.
pub fn record_of(target: &Target, origin: &DataOrigin, data: &PollData) -> DataRecord {
    let families = data.families.iter().map(|(family, segment)| {
        SegmentRecord::new(family.name.clone(), segment.deflated.clone(), segment.length, segment.crc)
    });
    let infos = data.infos.iter().map(|(family, entries)| {
        let entries = entries.iter().map(|entry| entry.into_iter().map(str::to_owned).collect());
        InfoRecord { family: family.name.clone(), entries: entries.collect() }
    });
    DataRecord {
        operation: target.operation.to_string(),
        target: target.key(),
        origin: origin.clone(),
        start: data.window.start(),
        end: data.window.end(),
        expires: data.window.expires(),
        polled_at: data.polled_at.wall,
        stale_after: data.stale_after,
        rows: data.rows,
        series: data.series,
        dropped: data.dropped,
        rejected: data.rejected.clone(),
        findings: FindingsRecord {
            undocumented_fields: data.findings.undocumented_fields.clone(),
            rows_without_value: data.findings.rows_without_value,
            rows_outside_window: data.findings.rows_outside_window,
        },
        changed_at: data.changed_at,
        families: families.collect(),
        infos: infos.collect(),
    }
}

/// A target's kept data, of its report's `families`, with the age that they have by now; `None` where there are none of
/// this origin. Data that cannot be served are set aside.
pub fn restored(
    state: &State,
    target: &Target,
    origin: &DataOrigin,
    families: &[Arc<Family>],
    now: Moment,
) -> Option<PollData> {
    let record = state.load_data(&target.operation, &target.key())?;
    // Data of another declaration may be of families that are gone.
    if record.origin != *origin {
        return None;
    }
    match data_of(&record, target, families, now) {
        Ok(data) => Some(data),
        Err(why) => {
            state.set_data_aside(&target.operation, &target.key(), &why);
            None
        }
    }
}

fn data_of(record: &DataRecord, target: &Target, families: &[Arc<Family>], now: Moment) -> Result<PollData, String> {
    let age = now.wall.duration_since(record.polled_at);
    // Data that seem to come from the future were polled before a clock was set back: how long, nobody knows.
    let age = Duration::try_from(age).unwrap_or(Duration::MAX);
    let zone = TimeZone::get(&record.origin.zone).map_err(|_| "a zone that is not known".to_owned())?;
    // Series among the entries, or entries among the series, are what no version ever wrote.
    let find = |name: &str, kind: FamilyKind| {
        let family = families.iter().find(|family| family.name == name && family.kind == kind);
        family.map(Arc::clone).ok_or_else(|| "an unknown family".to_owned())
    };
    let segment = |record: &SegmentRecord| {
        let family = find(&record.family, FamilyKind::Gauge)?;
        let segment = Segment { deflated: record.deflated.clone(), crc: record.crc, length: record.length };
        let broken = "a segment that does not inflate to what its record says";
        if segment.is_sound() { Ok((family, segment)) } else { Err(broken.to_owned()) }
    };
    let info = |record: &InfoRecord| {
        let family = find(&record.family, FamilyKind::Info)?;
        let labels = family.info_labels.len();
        let mut entries = InfoEntries::new(labels);
        for entry in &record.entries {
            if entry.len() != labels {
                return Err("an info entry with another number of values".to_owned());
            }
            entries.push(entry.iter().map(String::as_str));
        }
        Ok((family, Arc::new(entries)))
    };
    Ok(PollData {
        window: Window::restored(target.window, &zone, record.start, record.end, record.expires),
        polled_at: Moment { wall: record.polled_at, ..now.ago(age) },
        stale_after: record.stale_after,
        rows: record.rows,
        series: record.series,
        dropped: record.dropped,
        rejected: record.rejected.clone(),
        shortened: Vec::new(),
        findings: Findings {
            undocumented_fields: record.findings.undocumented_fields.clone(),
            rows_without_value: record.findings.rows_without_value,
            rows_outside_window: record.findings.rows_outside_window,
        },
        changed_at: record.changed_at,
        families: record.families.iter().map(segment).collect::<Result<_, String>>()?,
        infos: record.infos.iter().map(info).collect::<Result<_, String>>()?,
        memory: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::segment::Renderer;
    use crate::time::WindowName;

    fn target() -> Target {
        Target { operation: "acme".into(), report: "agent_kpi".into(), window: WindowName::Today }
    }

    fn origin() -> DataOrigin {
        DataOrigin {
            base_url: "https://a.example/".into(),
            zone: "UTC".into(),
            agent_dni: false,
            agents: "plain".into(),
            report: "0".into(),
        }
    }

    #[test]
    fn never_lie_series_among_entries_are_set_aside_with_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let (state, catalog) = (State::open(folder.path()).unwrap(), Catalog::builtin().unwrap());
        let now = Moment { wall: "2026-03-01T12:00:00Z".parse().unwrap(), steady: Duration::from_hours(1) };
        let family =
            |kind: FamilyKind| Arc::clone(catalog.families().iter().find(|family| family.kind == kind).unwrap());
        let kept = |gauges: Arc<Family>, infos: Arc<Family>| {
            let mut entries = InfoEntries::new(infos.info_labels.len());
            entries.push(["7"]);
            let data = PollData {
                window: Window::at(target().window, now.wall, &TimeZone::UTC),
                polled_at: now,
                stale_after: None,
                rows: 1,
                series: 1,
                dropped: 0,
                rejected: vec![("time".to_owned(), 2)],
                shortened: vec![],
                findings: Findings {
                    undocumented_fields: vec!["new".to_owned()],
                    rows_without_value: 3,
                    rows_outside_window: 4,
                },
                changed_at: Some(now.wall),
                families: vec![(gauges, Renderer::default().finish())],
                infos: vec![(infos, Arc::new(entries))],
                memory: None,
            };
            state.save_data(&record_of(&target(), &origin(), &data)).unwrap();
            restored(&state, &target(), &origin(), catalog.families(), now).inspect(|restored| {
                assert_eq!((&restored.families, &restored.infos), (&data.families, &data.infos));
                assert_eq!((&restored.window, &restored.rejected), (&data.window, &data.rejected));
                assert_eq!((&restored.findings, restored.changed_at), (&data.findings, data.changed_at));
            })
        };
        assert!(kept(family(FamilyKind::Gauge), family(FamilyKind::Info)).is_some());
        assert!(kept(family(FamilyKind::Gauge), family(FamilyKind::Gauge)).is_none());
        assert!(kept(family(FamilyKind::Info), family(FamilyKind::Info)).is_none());
        assert!(folder.path().join("acme").join("agent_kpi.today.corrupt").exists());
    }
}
