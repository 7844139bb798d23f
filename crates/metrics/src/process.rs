//! What the operating system says of this process. Only Linux tells all of it.

use picot_clock::Millis;
use std::path::Path;

/// What the process uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) cpu: Millis,
    pub(crate) resident_bytes: u64,
    pub(crate) threads: u64,
    pub(crate) open_files: Option<usize>,
}

/// Room on a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) free: u64,
    pub(crate) size: u64,
}

/// What this process uses now; none where the system has no `/proc`.
pub(crate) fn usage() -> Option<Usage> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let page_bytes = u64::try_from(rustix::param::page_size()).ok()?;
    let files = std::fs::read_dir("/proc/self/fd").ok();
    usage_of(
        &stat,
        &pages,
        rustix::param::clock_ticks_per_second(),
        page_bytes,
    )
    .map(|usage| Usage {
        // The directory itself is open while it is read.
        open_files: files.map(|files| files.count().saturating_sub(1)),
        ..usage
    })
}

/// Reads `stat` and `statm`: see `man 5 proc`.
fn usage_of(stat: &str, statm: &str, ticks_per_second: u64, page_bytes: u64) -> Option<Usage> {
    // The name of the program is in parentheses, and may hold anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    // Field 3 of the manual is the first one here.
    let field = |number: usize| -> Option<u64> { fields.get(number.checked_sub(3)?)?.parse().ok() };
    let ticks = field(14)?.checked_add(field(15)?)?;
    let cpu = ticks.checked_mul(1_000)?.checked_div(ticks_per_second)?;
    let resident: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(Usage {
        cpu: Millis(cpu),
        resident_bytes: resident.checked_mul(page_bytes)?,
        threads: field(20)?,
        open_files: None,
    })
}

/// The room on the disk of a path; none if the system does not tell.
pub(crate) fn space(path: &Path) -> Option<Space> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(Space {
        free: disk.f_bavail.checked_mul(disk.f_frsize)?,
        size: disk.f_blocks.checked_mul(disk.f_frsize)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_process_are_read_whatever_its_program_is_called() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 17 0 12345 0 0";
        let usage = usage_of(stat, "5000 300 200 10 0 90 0", 100, 4_096);
        let expected = Usage {
            cpu: Millis(3_000),
            resident_bytes: 300 * 4_096,
            threads: 17,
            open_files: None,
        };
        assert_eq!(usage, Some(expected));
        assert_eq!(usage_of("nothing", "1 2", 100, 4_096), None);
        assert_eq!(usage_of(stat, "", 100, 4_096), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_uses_something() {
        let usage = usage().unwrap();
        assert!(usage.resident_bytes > 100_000 && usage.threads >= 1);
        assert!(usage.open_files.unwrap() >= 3);
    }

    #[test]
    fn a_disk_has_a_size_and_what_is_not_there_has_none() {
        let space = space(&std::env::temp_dir()).unwrap();
        assert!(space.size >= space.free && space.size > 0);
        assert_eq!(super::space(Path::new("/nowhere/at/all")), None);
    }
}
