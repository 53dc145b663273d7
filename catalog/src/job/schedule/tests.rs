use super::*;
use proptest::prelude::*;

fn paris(blackouts: &[(&str, &str)]) -> Calendar {
    let blackouts: Vec<_> = blackouts
        .iter()
        .map(|(from, to)| Blackout {
            title: "exams".into(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        })
        .collect();
    Calendar::new("Europe/Paris", &blackouts).unwrap()
}

fn window(days: &[Weekday], from: &str, to: &str) -> Schedule {
    Schedule {
        windows: vec![Window {
            days: days.to_vec(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        }],
        ..Schedule::default()
    }
}

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

/// When it opens next, seen from a moment.
fn opens(schedule: &Schedule, calendar: &Calendar, from: &str) -> String {
    match schedule.due(calendar, at(from)) {
        Due::Now => "now".into(),
        Due::Later { until, .. } => until.map_or("never".into(), |time| time.to_string()),
    }
}

#[test]
fn a_night_of_the_week_opens_in_the_evening_and_closes_the_morning_after() {
    use Weekday::Friday;
    let nights = window(&[Friday], "22:00", "06:00");
    let calendar = paris(&[]);
    // 2026-01-09 is a Friday; Paris is at +01:00.
    assert_eq!(
        opens(&nights, &calendar, "2026-01-09T20:59:59Z"),
        "2026-01-09T21:00:00.000Z"
    );
    assert_eq!(opens(&nights, &calendar, "2026-01-09T21:00:00Z"), "now");
    assert_eq!(opens(&nights, &calendar, "2026-01-10T04:59:59Z"), "now");
    assert_eq!(
        opens(&nights, &calendar, "2026-01-10T05:00:00Z"),
        "2026-01-16T21:00:00.000Z"
    );
}

#[test]
fn a_night_is_an_hour_shorter_in_spring_and_an_hour_longer_in_autumn() {
    let nights = window(&[], "22:00", "06:00");
    let calendar = paris(&[]);
    // From +01:00 to +02:00 on 2026-03-29 at 01:00 UTC, and back on 2026-10-25 at 01:00 UTC.
    assert_eq!(opens(&nights, &calendar, "2026-03-28T21:00:00Z"), "now");
    assert_eq!(opens(&nights, &calendar, "2026-03-29T03:59:59Z"), "now");
    assert_eq!(
        opens(&nights, &calendar, "2026-03-29T04:00:00Z"),
        "2026-03-29T20:00:00.000Z"
    );
    assert_eq!(opens(&nights, &calendar, "2026-10-24T20:00:00Z"), "now");
    assert_eq!(opens(&nights, &calendar, "2026-10-25T04:59:59Z"), "now");
    assert_eq!(
        opens(&nights, &calendar, "2026-10-25T05:00:00Z"),
        "2026-10-25T21:00:00.000Z"
    );
}

#[test]
fn a_window_in_the_hour_that_is_left_out_is_not_lost_and_in_the_hour_that_comes_twice_opens_once() {
    let early = window(&[], "02:15", "02:45");
    let calendar = paris(&[]);
    // 02:15 does not come: it is the moment a quarter of an hour after the change.
    assert_eq!(
        opens(&early, &calendar, "2026-03-29T01:00:00Z"),
        "2026-03-29T01:15:00.000Z"
    );
    assert_eq!(opens(&early, &calendar, "2026-03-29T01:44:59Z"), "now");
    assert_eq!(
        opens(&early, &calendar, "2026-03-29T01:45:00Z"),
        "2026-03-30T00:15:00.000Z"
    );
    // 02:15 comes twice, at 00:15 and 01:15 UTC.
    assert_eq!(opens(&early, &calendar, "2026-10-25T00:15:00Z"), "now");
    assert_eq!(
        opens(&early, &calendar, "2026-10-25T01:15:00Z"),
        "2026-10-26T01:15:00.000Z"
    );
}

#[test]
fn a_blackout_holds_up_what_a_window_would_let_begin_unless_the_job_goes_through_it() {
    let nights = window(&[], "22:00", "06:00");
    let calendar = paris(&[
        ("2026-01-09T00:00", "2026-01-12T00:00"),
        ("2026-01-12T00:00", "2026-01-12T23:00"),
    ]);
    let due = nights.due(&calendar, at("2026-01-09T22:00:00Z"));
    assert_eq!(
        due,
        Due::Later {
            why: Obstacle::Blackout("exams".into()),
            until: Some(at("2026-01-12T22:00:00Z"))
        }
    );
    let through = Schedule {
        through_blackouts: true,
        ..nights
    };
    assert_eq!(opens(&through, &calendar, "2026-01-09T22:00:00Z"), "now");
}

#[test]
fn a_moment_comes_before_a_window_and_a_calendar_that_never_opens_says_so() {
    let calendar = paris(&[]);
    let later = Schedule {
        not_before: Some(at("2026-02-01T12:00:00Z")),
        ..window(&[Weekday::Monday], "08:00", "09:00")
    };
    assert_eq!(
        later.due(&calendar, at("2026-01-05T07:30:00Z")),
        Due::Later {
            why: Obstacle::NotBefore,
            until: Some(at("2026-02-02T07:00:00Z"))
        }
    );
    let closed = paris(&[("2020-01-01T00:00", "9999-01-01T00:00")]);
    assert_eq!(
        opens(&Schedule::default(), &closed, "2026-01-05T07:30:00Z"),
        "9998-12-31T23:00:00.000Z"
    );
}

#[test]
fn what_is_no_time_no_zone_and_no_blackout_is_refused() {
    for nonsense in ["", "24:00", "7:30", "07:60", "+7:00", "07:00:00", "aa:bb"] {
        assert!(nonsense.parse::<DayTime>().is_err(), "{nonsense}");
    }
    for nonsense in ["", "2026-02-30T00:00", "2026-01-01", "now", "2026-01-01T00:00Z"] {
        assert!(nonsense.parse::<LocalMinute>().is_err(), "{nonsense}");
    }
    for zone in ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime"] {
        assert!(Calendar::new(zone, &[]).is_err(), "{zone}");
    }
    let back_to_front = Blackout {
        title: String::new(),
        from: "2026-01-02T00:00".parse().unwrap(),
        to: "2026-01-01T00:00".parse().unwrap(),
    };
    assert!(Calendar::new("UTC", &[back_to_front]).is_err());
}

#[test]
fn the_time_zones_are_in_the_program_itself() {
    for zone in [
        "Europe/Paris",
        "America/Guadeloupe",
        "Indian/Reunion",
        "Pacific/Noumea",
        "UTC",
    ] {
        assert!(jiff_bundle().get(zone).is_ok(), "{zone}");
    }
}

fn jiff_bundle() -> jiff::tz::TimeZoneDatabase {
    jiff::tz::TimeZoneDatabase::bundled()
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let days = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    let window = (
        prop::sample::subsequence(days.to_vec(), 0..4),
        0_u16..96,
        0_u16..96,
    )
        .prop_map(|(days, from, to)| Window {
            days,
            from: DayTime(from * 15),
            to: DayTime(to * 15),
        });
    (
        prop::collection::vec(window, 0..3),
        prop::option::of(-200_i64..200),
        any::<bool>(),
    )
        .prop_map(|(windows, not_before, through_blackouts)| Schedule {
            windows,
            not_before: not_before.map(|quarters| Time(at("2026-03-29T01:00:00Z").0 + quarters * 900_000)),
            through_blackouts,
        })
}

proptest! {
    /// From some days before a change of the clocks on, by quarters of an hour: all times above are multiples of those.
    #[test]
    fn the_next_opening_is_open_and_nothing_before_it_is(
        schedule in schedules(), quarters in -300_i64..300, autumn: bool,
    ) {
        let change = at(if autumn { "2026-10-25T01:00:00Z" } else { "2026-03-29T01:00:00Z" });
        let calendar = paris(&[("2026-03-28T12:00", "2026-03-29T04:30"), ("2026-10-25T01:00", "2026-10-26T02:00")]);
        let now = Time(change.0 + quarters * 900_000);
        let is_open = |time| schedule.due(&calendar, time) == Due::Now;
        match schedule.due(&calendar, now) {
            Due::Now => prop_assert_eq!(schedule.next_opening(&calendar, now), Some(now)),
            Due::Later { until, .. } => {
                let until = until.expect("every window opens within eight days");
                prop_assert!(until > now && is_open(until), "{until}");
                let mut time = Time(now.0 + 900_000);
                while time < until {
                    prop_assert!(!is_open(time), "{time} lies before {until}");
                    time = Time(time.0 + 900_000);
                }
            }
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in ".{0,30}") {
        let _ = (text.parse::<DayTime>(), text.parse::<LocalMinute>(), Calendar::new(&text, &[]));
    }
}
