//! Reads what criterion left on disk.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::Value;

/// The folder with criterion's results.
pub(super) struct Estimates {
    pub(super) folder: PathBuf,
    /// Results of an earlier run are refused: ratios are of one run.
    pub(super) not_before: Option<SystemTime>,
}

impl Estimates {
    /// The median time in nanoseconds of `group/bench`, or why there is none.
    pub(super) fn median(&self, bench: &str) -> Result<f64, String> {
        let path = self.folder.join(bench).join("new").join("estimates.json");
        let text = fs::read_to_string(&path).map_err(|_| format!("no estimates of {bench}"))?;
        if let Some(start) = self.not_before {
            let written = fs::metadata(&path).and_then(|data| data.modified());
            if written.is_ok_and(|written| written < start) {
                return Err(format!("{bench} was not run this time"));
            }
        }
        median(&text).ok_or_else(|| format!("the estimates of {bench} have no median"))
    }
}

fn median(estimates: &str) -> Option<f64> {
    serde_json::from_str::<Value>(estimates)
        .ok()?
        .pointer("/median/point_estimate")?
        .as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ESTIMATES: &str = r#"{"mean":{"point_estimate":3.0},"median":{"confidence_interval":{},"point_estimate":2.5}}"#;

    /// A folder of its own below the build's temporary folder, with one result in it.
    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("picot-xtask-{}-{name}", std::process::id()));
        let new = folder.join("group").join("bench").join("new");
        fs::create_dir_all(&new).unwrap();
        fs::write(new.join("estimates.json"), ESTIMATES).unwrap();
        folder
    }

    #[test]
    fn the_median_is_read() {
        let estimates = Estimates {
            folder: folder("read"),
            not_before: None,
        };
        assert_eq!(estimates.median("group/bench"), Ok(2.5));
        assert_eq!(
            estimates.median("group/other"),
            Err("no estimates of group/other".into())
        );
        fs::remove_dir_all(estimates.folder).unwrap();
    }

    #[test]
    fn a_result_of_an_earlier_run_is_refused() {
        let hour = Duration::from_secs(3600);
        let mut estimates = Estimates {
            folder: folder("stale"),
            not_before: Some(SystemTime::now() + hour),
        };
        assert_eq!(
            estimates.median("group/bench"),
            Err("group/bench was not run this time".into())
        );
        estimates.not_before = Some(SystemTime::now() - hour);
        assert_eq!(estimates.median("group/bench"), Ok(2.5));
        fs::remove_dir_all(estimates.folder).unwrap();
    }

    #[test]
    fn broken_estimates_have_no_median() {
        assert_eq!(median("{}"), None);
        assert_eq!(median("not json"), None);
    }
}
