//! How long messages travel between regions of the world.

use crate::SimError;
use std::collections::BTreeMap;

/// Microseconds of a millisecond.
pub(crate) const MICROS_PER_MILLI: u64 = 1_000;

/// Regions in which AWS has data centres.
const AWS_REGIONS: [&str; 12] = [
    "us-east-1",
    "us-west-2",
    "ca-central-1",
    "sa-east-1",
    "eu-west-1",
    "eu-central-1",
    "eu-north-1",
    "af-south-1",
    "ap-south-1",
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-southeast-2",
];

/// Median round trips between them in milliseconds. Source: cloudping.co, as published with the
/// `estimator` example of the commonware monorepo (MIT or Apache-2.0), rounded.
const AWS_ROUND_TRIPS_MS: [[u64; 12]; 12] = [
    [6, 64, 17, 115, 70, 93, 113, 228, 193, 150, 220, 200],
    [64, 3, 61, 175, 118, 143, 155, 275, 222, 98, 160, 141],
    [16, 61, 4, 125, 69, 93, 106, 225, 193, 148, 215, 198],
    [115, 175, 126, 3, 179, 205, 223, 339, 302, 259, 328, 312],
    [70, 119, 69, 178, 3, 27, 41, 160, 126, 202, 179, 256],
    [93, 142, 93, 204, 27, 4, 23, 156, 129, 227, 160, 251],
    [112, 155, 105, 223, 40, 23, 3, 174, 149, 247, 180, 271],
    [226, 273, 223, 337, 158, 155, 174, 4, 272, 357, 314, 409],
    [190, 222, 191, 301, 125, 129, 148, 274, 3, 133, 64, 155],
    [150, 99, 147, 258, 202, 228, 247, 358, 134, 3, 71, 107],
    [219, 161, 215, 328, 179, 161, 181, 317, 64, 71, 4, 95],
    [200, 141, 198, 312, 256, 252, 272, 409, 155, 106, 95, 4],
];

/// One-way delays between regions, in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latencies {
    regions: Vec<String>,
    one_way_us: Vec<Vec<u64>>,
}

impl Latencies {
    /// All nodes in one place: one millisecond each way.
    #[must_use]
    pub fn lan() -> Self {
        Self {
            regions: vec!["lan".to_owned()],
            one_way_us: vec![vec![MICROS_PER_MILLI]],
        }
    }

    /// A dozen regions of the world.
    #[must_use]
    pub fn aws() -> Self {
        let half = |row: &[u64; 12]| row.iter().map(|ms| ms * MICROS_PER_MILLI / 2).collect();
        Self {
            regions: AWS_REGIONS.map(str::to_owned).to_vec(),
            one_way_us: AWS_ROUND_TRIPS_MS.iter().map(half).collect(),
        }
    }

    /// Reads a file: a CSV matrix of one-way milliseconds whose first line and column name the
    /// regions; JSON `{"data": {from: {to: round trip in ms}}}`; or JSON with `regions` and
    /// `latency_ms_2019` (one way).
    ///
    /// # Errors
    /// [`SimError::Latency`] says which place is wrong.
    pub fn parse(text: &str) -> Result<Self, SimError> {
        let table = if text.trim_start().starts_with('{') {
            let json: serde_json::Value =
                serde_json::from_str(text).map_err(|error| SimError::Latency(error.to_string()))?;
            match json.get("data") {
                Some(data) => Self::of_round_trips(data)?,
                None => Self::of_matrix(&json)?,
            }
        } else {
            Self::of_csv(text)?
        };
        table.check()
    }

    /// The number of regions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.regions.len()
    }

    /// Whether there are none; never, of a table that was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// The name of a region.
    #[must_use]
    pub fn region(&self, index: usize) -> &str {
        self.regions.get(index).map_or("", String::as_str)
    }

    /// The delay from one region to another in microseconds.
    #[must_use]
    pub fn one_way_us(&self, from: usize, to: usize) -> u64 {
        let row = self.one_way_us.get(from);
        row.and_then(|row| row.get(to)).copied().unwrap_or(0)
    }

    /// The longest delay in milliseconds, rounded up.
    #[must_use]
    pub fn longest_ms(&self) -> u64 {
        let longest = self.one_way_us.iter().flatten().copied().max();
        longest.unwrap_or(0).div_ceil(MICROS_PER_MILLI)
    }

    fn check(self) -> Result<Self, SimError> {
        let len = self.regions.len();
        let is_square =
            self.one_way_us.len() == len && self.one_way_us.iter().all(|row| row.len() == len);
        if len == 0 || !is_square {
            let found = format!("{len} regions, but no square matrix of as many delays");
            return Err(SimError::Latency(found));
        }
        Ok(self)
    }

    fn of_csv(text: &str) -> Result<Self, SimError> {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let head = lines.next().unwrap_or_default();
        let regions = head.split(',').skip(1).map(|name| name.trim().to_owned());
        let row = |line: &str| {
            let cells = line.split(',').skip(1);
            cells.map(micros_of).collect::<Result<Vec<u64>, _>>()
        };
        Ok(Self {
            regions: regions.collect(),
            one_way_us: lines.map(row).collect::<Result<_, _>>()?,
        })
    }

    fn of_round_trips(data: &serde_json::Value) -> Result<Self, SimError> {
        let wrong = |what: &str| SimError::Latency(format!("{what} is missing or no object"));
        let rows = data.as_object().ok_or_else(|| wrong("data"))?;
        let names: BTreeMap<&str, &serde_json::Value> = rows
            .iter()
            .map(|(name, row)| (name.as_str(), row))
            .collect();
        let mut one_way_us = Vec::new();
        for (from, row) in &names {
            let row = row.as_object().ok_or_else(|| wrong(from))?;
            let mut delays = Vec::new();
            for to in names.keys() {
                let cell = row
                    .get(*to)
                    .ok_or_else(|| wrong(&format!("{from} to {to}")))?;
                delays.push(micros_of(&cell.to_string())? / 2);
            }
            one_way_us.push(delays);
        }
        Ok(Self {
            regions: names.into_keys().map(str::to_owned).collect(),
            one_way_us,
        })
    }

    fn of_matrix(json: &serde_json::Value) -> Result<Self, SimError> {
        let list = |key: &str| {
            let list = json.get(key).and_then(serde_json::Value::as_array);
            list.ok_or_else(|| SimError::Latency(format!("'{key}' is missing or no list")))
        };
        let regions = list("regions")?
            .iter()
            .map(|name| name.as_str().unwrap_or_default().to_owned())
            .collect();
        let row = |row: &serde_json::Value| {
            let cells = row.as_array().into_iter().flatten();
            cells
                .map(|cell| micros_of(&cell.to_string()))
                .collect::<Result<Vec<u64>, _>>()
        };
        let one_way_us = list("latency_ms_2019")?
            .iter()
            .map(row)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            regions,
            one_way_us,
        })
    }
}

/// Microseconds of a decimal number of milliseconds; what is less is cut off.
fn micros_of(text: &str) -> Result<u64, SimError> {
    let wrong = || SimError::Latency(format!("'{text}' is no number of milliseconds"));
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let padded = format!("{fraction:0<3}");
    let micros: u64 = padded
        .get(..3)
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(wrong)?;
    whole
        .checked_mul(MICROS_PER_MILLI)
        .and_then(|us| us.checked_add(micros))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_world_is_square_and_about_symmetric() {
        let table = Latencies::aws().check().unwrap();
        for from in 0..table.len() {
            for to in 0..table.len() {
                let (there, back) = (table.one_way_us(from, to), table.one_way_us(to, from));
                assert!(there > 0 && there.abs_diff(back) <= 5_000, "{from} {to}");
            }
        }
        assert_eq!(table.longest_ms(), 205);
    }

    #[test]
    fn the_three_formats_are_read() {
        let csv = Latencies::parse("From/to,A,B\nA,0,7.5\nB,8,0\n").unwrap();
        assert_eq!((csv.one_way_us(0, 1), csv.one_way_us(1, 0)), (7_500, 8_000));
        assert_eq!(csv.region(1), "B");
        let round = r#"{"data": {"a": {"a": 1, "b": 79.97800000000001}, "b": {"a": 80, "b": 2}}}"#;
        let round = Latencies::parse(round).unwrap();
        assert_eq!(
            (round.one_way_us(0, 1), round.one_way_us(1, 0)),
            (39_989, 40_000)
        );
        let matrix = r#"{"regions": ["X", "Y"], "latency_ms_2019": [[1, 2], [3, 4]]}"#;
        assert_eq!(Latencies::parse(matrix).unwrap().one_way_us(1, 0), 3_000);
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_place() {
        for (text, place) in [
            ("", "no square"),
            ("x,A,B\nA,1,2\n", "no square"),
            ("x,A\nA,-1\n", "'-1'"),
            ("{\"data\": {\"a\": {}}}", "a to a"),
            ("{}", "regions"),
            ("{", "EOF"),
        ] {
            let error = Latencies::parse(text).unwrap_err().to_string();
            assert!(error.contains(place), "{text}: {error}");
        }
    }
}
