//! Windows around the hours that are left out or come twice, and that they lie end to end.

use super::{Period, Window};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

fn millis(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

#[track_caller]
fn check(period: Period, zone: &str, now: &str, start: &str, end: &str) {
    let zone_of = TimeZone::get(zone).unwrap();
    let window = period.window(&zone_of, millis(now));
    let expected = Window { start: millis(start), end: millis(end) };
    assert_eq!(window, expected, "{period:?} {zone} {now}");
}

#[test]
fn a_window_is_one_of_the_calendar_of_its_place() {
    use Period::{Day, Minute, Month, Week};
    check(Minute, "UTC", "2026-11-21T21:57:31.5Z", "2026-11-21T21:57:00Z", "2026-11-21T21:58:00Z");
    check(
        Minute,
        "Asia/Kathmandu",
        "2026-11-21T21:57:00Z",
        "2026-11-21T21:57:00Z",
        "2026-11-21T21:58:00Z",
    );
    check(Day, "UTC", "2026-11-21T23:59:59.999Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z");
    // It is tomorrow in Kathmandu, by five hours and three quarters.
    check(
        Day,
        "Asia/Kathmandu",
        "2026-11-21T18:15:00Z",
        "2026-11-21T18:15:00Z",
        "2026-11-22T18:15:00Z",
    );
    // A Saturday; its week began on Monday. A Monday is the first of its own.
    check(Week, "UTC", "2026-11-21T12:00:00Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z");
    check(Week, "UTC", "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z");
    check(Month, "UTC", "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z");
    check(
        Month,
        "America/New_York",
        "2026-12-31T23:00:00Z",
        "2026-12-01T05:00:00Z",
        "2027-01-01T05:00:00Z",
    );
}

#[test]
fn a_day_has_as_many_hours_as_it_has_there() {
    use Period::{Day, Month, Week};
    // Berlin leaves out an hour on the last Sunday of March, and has one twice in October's.
    check(
        Day,
        "Europe/Berlin",
        "2026-03-29T12:00:00Z",
        "2026-03-28T23:00:00Z",
        "2026-03-29T22:00:00Z",
    );
    check(
        Day,
        "Europe/Berlin",
        "2026-10-25T12:00:00Z",
        "2026-10-24T22:00:00Z",
        "2026-10-25T23:00:00Z",
    );
    // Both of the hours that are called half past two.
    check(
        Day,
        "Europe/Berlin",
        "2026-10-25T00:30:00Z",
        "2026-10-24T22:00:00Z",
        "2026-10-25T23:00:00Z",
    );
    check(
        Day,
        "Europe/Berlin",
        "2026-10-25T01:30:00Z",
        "2026-10-24T22:00:00Z",
        "2026-10-25T23:00:00Z",
    );
    check(
        Week,
        "Europe/Berlin",
        "2026-03-25T12:00:00Z",
        "2026-03-22T23:00:00Z",
        "2026-03-29T22:00:00Z",
    );
    check(
        Month,
        "Europe/Berlin",
        "2026-03-25T12:00:00Z",
        "2026-02-28T23:00:00Z",
        "2026-03-31T22:00:00Z",
    );
    // Beirut's clocks go from midnight to one: that day begins at one.
    check(
        Day,
        "Asia/Beirut",
        "2026-03-29T12:00:00Z",
        "2026-03-28T22:00:00Z",
        "2026-03-29T21:00:00Z",
    );
    // Havana's go back from one to midnight: its day begins at the first of the two.
    check(
        Day,
        "America/Havana",
        "2026-11-01T12:00:00Z",
        "2026-11-01T04:00:00Z",
        "2026-11-02T05:00:00Z",
    );
    // Samoa never had the 30th of December 2011.
    check(
        Day,
        "Pacific/Apia",
        "2011-12-30T09:00:00Z",
        "2011-12-29T10:00:00Z",
        "2011-12-30T10:00:00Z",
    );
    check(
        Day,
        "Pacific/Apia",
        "2011-12-30T10:00:00Z",
        "2011-12-30T10:00:00Z",
        "2011-12-31T10:00:00Z",
    );
}

#[test]
fn windows_lie_end_to_end() {
    for zone in ["UTC", "Europe/Berlin", "Asia/Beirut", "America/Havana", "Australia/Lord_Howe"] {
        let zone = TimeZone::get(zone).unwrap();
        for period in [Period::Day, Period::Week, Period::Month] {
            let mut now: Timestamp = "2025-12-01T00:00:00Z".parse().unwrap();
            let mut window = period.window(&zone, now.as_millisecond());
            for _ in 0..3_000 {
                now = now.checked_add(4.hours()).unwrap();
                let moment = now.as_millisecond();
                let next = period.window(&zone, moment);
                assert!(next.holds(moment), "{period:?} {zone:?} {now}");
                assert!(next == window || next.start == window.end, "{period:?} {zone:?} {now}");
                window = next;
            }
        }
    }
}

#[test]
fn what_has_no_end_has_none_and_what_has_no_calendar_neither() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    assert_eq!(Period::Total.window(&zone, millis("2026-11-21T00:00:00Z")), Window::FOREVER);
    assert_eq!(Period::Day.window(&zone, i64::MAX), Window::FOREVER);
    assert_eq!(Period::Month.window(&zone, i64::MIN), Window::FOREVER);
    for name in ["minute", "day", "week", "month", "total"] {
        assert_eq!(Period::of_name(name).unwrap().name(), name);
    }
    assert_eq!(Period::of_name("fortnight"), None);
}
