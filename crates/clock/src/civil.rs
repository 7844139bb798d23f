//! From milliseconds to a date in UTC, in the Gregorian calendar extended to all of 64 bits.

use std::fmt;

use crate::Timestamp;

const MS_PER_SECOND: u64 = 1_000;
const MS_PER_MINUTE: u64 = 60_000;
const MS_PER_HOUR: u64 = 3_600_000;
const MS_PER_DAY: u64 = 86_400_000;

/// Days from 0000-03-01 to the epoch. Years that start in March have their leap day at their end.
const DAYS_BEFORE_EPOCH: u64 = 719_468;
/// The calendar repeats every 400 years.
const DAYS_PER_ERA: u64 = 146_097;
const YEARS_PER_ERA: u64 = 400;
const DAYS_PER_YEAR: u64 = 365;
/// Counted from 0, the day that ends an era, and the one that ends four years: both are leap days.
const LAST_DAY_OF_ERA: u64 = 146_096;
/// A century that does not end an era has no leap day at its end.
const DAYS_PER_CENTURY: u64 = 36_524;
const LAST_DAY_OF_OLYMPIAD: u64 = 1_460;

/// A timestamp taken apart. All fields are in UTC; months and days count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UtcDateTime {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    pub(crate) second: u64,
    pub(crate) millisecond: u64,
}

impl From<Timestamp> for UtcDateTime {
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "constant divisors, and days of 64 bits of milliseconds are under 2^38"
    )]
    fn from(timestamp: Timestamp) -> Self {
        let ms = timestamp.as_millis();
        let (year, month, day) = year_month_day(ms / MS_PER_DAY);
        Self {
            year,
            month,
            day,
            hour: ms % MS_PER_DAY / MS_PER_HOUR,
            minute: ms % MS_PER_HOUR / MS_PER_MINUTE,
            second: ms % MS_PER_MINUTE / MS_PER_SECOND,
            millisecond: ms % MS_PER_SECOND,
        }
    }
}

/// Year, month and day of a count of days since the epoch of at most 2^38.
#[allow(
    clippy::arithmetic_side_effects,
    reason = "constant divisors, remainders below them, and days under 2^38"
)]
fn year_month_day(days_since_epoch: u64) -> (u64, u64, u64) {
    let days = days_since_epoch + DAYS_BEFORE_EPOCH;
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let leap_days_passed = day_of_era / LAST_DAY_OF_OLYMPIAD + day_of_era / LAST_DAY_OF_ERA;
    let year_of_era =
        (day_of_era + day_of_era / DAYS_PER_CENTURY - leap_days_passed) / DAYS_PER_YEAR;
    let days_before_year = DAYS_PER_YEAR * year_of_era + year_of_era / 4 - year_of_era / 100;
    let day_of_year = day_of_era - days_before_year;
    // From March on, months are 31, 30, 31, 30, 31 days over and over: 153 days for five.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, years_later) = if month_from_march < 10 {
        (month_from_march + 3, 0)
    } else {
        (month_from_march - 9, 1)
    };
    (era * YEARS_PER_ERA + year_of_era + years_later, month, day)
}

impl fmt::Display for UtcDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
            millisecond,
        } = self;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z"
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times_have_their_known_text() {
        let known = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_234_567_890_123, "2009-02-13T23:31:30.123Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
            (u64::MAX, "584556019-04-03T14:25:51.615Z"),
        ];
        for (ms, text) in known {
            assert_eq!(Timestamp(ms).to_string(), text);
        }
    }

    fn month_days(year: u64, month: u64) -> u64 {
        let is_leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        match month {
            2 => 28 + u64::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    #[test]
    fn the_calendar_agrees_with_counting_day_by_day_for_six_centuries() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..220_000 {
            assert_eq!(year_month_day(days), (year, month, day));
            day += 1;
            if day > month_days(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    proptest! {
        #[test]
        fn every_timestamp_is_a_date_that_exists(ms: u64) {
            let date = UtcDateTime::from(Timestamp(ms));
            prop_assert!((1..=12).contains(&date.month));
            prop_assert!((1..=month_days(date.year, date.month)).contains(&date.day));
            prop_assert!(date.hour < 24 && date.minute < 60);
            prop_assert!(date.second < 60 && date.millisecond < 1_000);
        }
    }
}
