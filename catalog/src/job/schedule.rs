//! When a job may begin: not before a moment, within windows of the week, not in a blackout. Pure.
//!
//! Windows and blackouts are written in the site's own time. A window has one occurrence on each of its days: it lies
//! between the moments that its two times mean on that day. A time that a clock change leaves out means the moment at which
//! the clock would have shown it; one that comes twice means the first (RFC 5545 §3.3.5). So a night's window is an hour
//! longer or shorter at a change, and none is lost or opens twice.

use crate::{
    error::{Error, Result},
    time::Time,
};
use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Most windows of a job.
const WINDOWS_MAX: usize = 50;
/// Most blackouts of a site.
const BLACKOUTS_MAX: usize = 200;
/// How often a search for an opening may be put off: more is a calendar that never opens.
const PUT_OFF_MAX: usize = 1000;

/// When a job may begin. What has begun goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// Not before this moment.
    pub not_before: Option<Time>,
    /// Only within one of these; at any time if there is none.
    pub windows: Vec<Window>,
    /// The site's blackouts do not hold it up.
    pub through_blackouts: bool,
}

/// A part of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The days on which it begins; every day if there is none.
    #[serde(default)]
    pub days: Vec<Weekday>,
    /// When it opens.
    pub from: DayTime,
    /// When it closes: on the day after, if that is not later than `from`.
    pub to: DayTime,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "their names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A time of day in minutes since midnight, written `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DayTime(u16);

/// A minute of the site's calendar, written `2026-07-14T00:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalMinute(DateTime);

/// A time in which no job begins: exams, an inventory, a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blackout {
    /// Why.
    pub title: String,
    /// From when.
    pub from: LocalMinute,
    /// Until when.
    pub to: LocalMinute,
}

/// The site's time zone and its blackouts.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    /// Title, beginning and end, in the order of beginnings.
    blackouts: Vec<(String, Time, Time)>,
}

/// Whether a job may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// It may.
    Now,
    /// Not yet.
    Later {
        /// What holds it up.
        why: Obstacle,
        /// When it may, as far as the calendar tells; `None`: never.
        until: Option<Time>,
    },
}

/// What holds a job up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Its moment has not come.
    NotBefore,
    /// None of its windows is open.
    OutsideWindows,
    /// The blackout of this title.
    Blackout(String),
}

impl Schedule {
    /// Whether a job with this schedule may begin at a moment.
    #[must_use]
    pub fn due(&self, calendar: &Calendar, now: Time) -> Due {
        let why = if self.not_before.is_some_and(|moment| now < moment) {
            Obstacle::NotBefore
        } else if let Some((title, _)) = self.blackout_at(calendar, now) {
            Obstacle::Blackout(title.to_owned())
        } else if !self.is_within_windows(calendar, now) {
            Obstacle::OutsideWindows
        } else {
            return Due::Now;
        };
        Due::Later {
            why,
            until: self.next_opening(calendar, now),
        }
    }

    /// Checks what a person wrote.
    ///
    /// # Errors
    /// When there are too many windows.
    pub fn check(&self) -> Result<()> {
        if self.windows.len() > WINDOWS_MAX || self.windows.iter().any(|window| window.days.len() > 7) {
            return Err(Error::invalid(
                format!("a job has at most {WINDOWS_MAX} windows, each with at most seven days"),
                "give it less",
            ));
        }
        Ok(())
    }

    fn next_opening(&self, calendar: &Calendar, now: Time) -> Option<Time> {
        let mut at = self.not_before.map_or(now, |moment| moment.max(now));
        for _ in 0..PUT_OFF_MAX {
            if let Some((_, end)) = self.blackout_at(calendar, at) {
                at = end;
            } else if !self.is_within_windows(calendar, at) {
                let starts = self.occurrences(calendar, at).map(|(start, _)| start);
                at = starts.filter(|start| *start > at).min()?;
            } else {
                return Some(at);
            }
        }
        None
    }

    fn is_within_windows(&self, calendar: &Calendar, at: Time) -> bool {
        self.windows.is_empty()
            || self
                .occurrences(calendar, at)
                .any(|(start, end)| start <= at && at < end)
    }

    fn blackout_at<'a>(&self, calendar: &'a Calendar, at: Time) -> Option<(&'a str, Time)> {
        let found = calendar
            .blackouts
            .iter()
            .find(|(_, start, end)| *start <= at && at < *end);
        found
            .filter(|_| !self.through_blackouts)
            .map(|(title, _, end)| (title.as_str(), *end))
    }

    /// The windows as moments, from the day before to a week after.
    fn occurrences<'a>(
        &'a self,
        calendar: &'a Calendar,
        at: Time,
    ) -> impl Iterator<Item = (Time, Time)> + 'a {
        let today = calendar.local(at).date();
        (-1..=8_i64).flat_map(move |offset| {
            let day = today.checked_add(offset.days()).ok();
            day.into_iter().flat_map(move |day| {
                let open = self.windows.iter().filter(move |window| window.begins_on(day));
                open.filter_map(move |window| window.occurrence(calendar, day))
            })
        })
    }
}

impl Window {
    fn begins_on(&self, day: Date) -> bool {
        self.days.is_empty() || self.days.contains(&Weekday::of(day))
    }

    fn occurrence(&self, calendar: &Calendar, day: Date) -> Option<(Time, Time)> {
        let last = if self.to <= self.from {
            day.tomorrow().ok()?
        } else {
            day
        };
        Some((
            calendar.moment(self.from.on(day))?,
            calendar.moment(self.to.on(last))?,
        ))
    }
}

impl Weekday {
    fn of(day: Date) -> Self {
        match day.weekday() {
            jiff::civil::Weekday::Monday => Self::Monday,
            jiff::civil::Weekday::Tuesday => Self::Tuesday,
            jiff::civil::Weekday::Wednesday => Self::Wednesday,
            jiff::civil::Weekday::Thursday => Self::Thursday,
            jiff::civil::Weekday::Friday => Self::Friday,
            jiff::civil::Weekday::Saturday => Self::Saturday,
            jiff::civil::Weekday::Sunday => Self::Sunday,
        }
    }
}

impl Calendar {
    /// A calendar in the time zone of this name (IANA).
    ///
    /// # Errors
    /// When there is no such zone, too many blackouts, or one that ends before it begins.
    pub fn new(zone: &str, blackouts: &[Blackout]) -> Result<Self> {
        let zone = TimeZone::get(zone).map_err(|error| {
            Error::invalid(
                format!("there is no time zone {zone:?}"),
                "name it as Europe/Paris or UTC",
            )
            .because(error)
        })?;
        let mut calendar = Self {
            zone,
            blackouts: Vec::new(),
        };
        if blackouts.len() > BLACKOUTS_MAX {
            return Err(Error::invalid(
                format!("a site has at most {BLACKOUTS_MAX} blackouts"),
                "delete those that are over",
            ));
        }
        for blackout in blackouts {
            let is_title =
                blackout.title.chars().count() <= 100 && !blackout.title.chars().any(char::is_control);
            if blackout.from >= blackout.to || !is_title {
                return Err(Error::invalid(
                    format!(
                        "the blackout from {} to {} cannot be meant",
                        blackout.from, blackout.to
                    ),
                    "let it end after it begins, with a title of at most 100 characters",
                ));
            }
            let moments = calendar
                .moment(blackout.from.0)
                .zip(calendar.moment(blackout.to.0));
            let (start, end) = moments.ok_or_else(|| {
                Error::invalid("a blackout lies outside every calendar", "choose another date")
            })?;
            calendar.blackouts.push((blackout.title.clone(), start, end));
        }
        calendar.blackouts.sort_by_key(|(_, start, _)| *start);
        Ok(calendar)
    }

    fn local(&self, at: Time) -> DateTime {
        self.zone
            .to_datetime(Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    fn moment(&self, local: DateTime) -> Option<Time> {
        let moment = self.zone.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(Time(moment.as_millisecond()))
    }
}

impl Default for Calendar {
    /// UTC, without blackouts.
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            blackouts: Vec::new(),
        }
    }
}

impl DayTime {
    fn on(self, day: Date) -> DateTime {
        let (hour, minute) = (self.0 / 60, self.0 % 60);
        // Both are small: checked when it was read.
        day.at(
            i8::try_from(hour).unwrap_or(0),
            i8::try_from(minute).unwrap_or(0),
            0,
            0,
        )
    }
}

impl FromStr for DayTime {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |digits: &str, most: u16| {
            let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits
                .parse()
                .ok()
                .filter(|number: &u16| is_number && *number <= most)
        };
        text.split_once(':')
            .and_then(|(hour, minute)| Some(Self(number(hour, 23)? * 60 + number(minute, 59)?)))
            .ok_or_else(|| Error::invalid(format!("{text:?} is no time of day"), "write it as 22:30"))
    }
}

impl FromStr for LocalMinute {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        DateTime::strptime("%Y-%m-%dT%H:%M", text)
            .map(Self)
            .map_err(|error| {
                Error::invalid(
                    format!("{text:?} is no minute of a calendar"),
                    "write it as 2026-07-14T00:00",
                )
                .because(error)
            })
    }
}

impl fmt::Display for DayTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl fmt::Display for LocalMinute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M"))
    }
}

impl TryFrom<String> for DayTime {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl TryFrom<String> for LocalMinute {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<DayTime> for String {
    fn from(time: DayTime) -> Self {
        time.to_string()
    }
}

impl From<LocalMinute> for String {
    fn from(minute: LocalMinute) -> Self {
        minute.to_string()
    }
}

#[cfg(test)]
mod tests;
