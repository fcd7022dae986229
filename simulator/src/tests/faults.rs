//! The faults spoil answers of every shape.

use super::*;

fn spoilt(fault: &Fault, target: &str) -> Answer {
    let vendor = vendor(|_| {});
    let flight = vendor.begin("t");
    let request = Request::get(&format!("/api/v2/{target}"), Some("t"));
    vendor.answer_during(&flight, Some(fault), &request, noon())
}

#[test]
fn bare_arrays_and_objects_can_be_spoilt_too() {
    let (bare, object) = ("real_time.php?api=campaigns", "real_time.php?api=latency");
    assert_eq!(body(&spoilt(&Fault::Partial, bare)).as_array().unwrap().len(), 1);
    assert_eq!(spoilt(&Fault::Partial, object).status, 206);
    for target in [bare, object, "real_time.php?api=agents", "real_time.php?api=skills&skill_id=all"] {
        let good = spoilt(&Fault::Delay(Duration::ZERO), target);
        assert_ne!(body(&spoilt(&Fault::BadValues, target)), body(&good), "{target}");
        let torn = spoilt(&Fault::InvalidUtf8, target).body;
        assert!(std::str::from_utf8(&torn).is_err());
        let mended: Vec<u8> = torn.into_iter().filter(|byte| *byte != 0xFF).collect();
        assert!(serde_json::from_str::<Value>(&String::from_utf8_lossy(&mended)).is_ok(), "inside a text: {target}");
    }
}
