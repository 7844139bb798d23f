//! Which commit of the source a run was made with: a seed says the same with the same source alone.

use std::process::{Command, Stdio};

/// The commit that was given to the compiler as `PICOT_COMMIT`, else that of the source folder now.
pub(crate) fn commit() -> String {
    option_env!("PICOT_COMMIT")
        .map(str::to_owned)
        .or_else(|| of_folder(env!("CARGO_MANIFEST_DIR")))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// What git says of a folder; `-dirty` if it has changes that are not committed.
fn of_folder(folder: &str) -> Option<String> {
    let output = Command::new("git")
        .args(["-C", folder, "describe", "--always", "--dirty"])
        .args(["--abbrev=12", "--exclude=*"])
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_history_has_no_commit() {
        assert_eq!(of_folder("/"), None);
        assert_eq!(of_folder("/there-is-no-such-folder"), None);
    }

    #[test]
    fn a_commit_is_known_or_said_to_be_unknown() {
        let text = commit();
        let digits = text.strip_suffix("-dirty").unwrap_or(&text);
        let is_hash = digits.len() >= 12 && digits.chars().all(|one| one.is_ascii_hexdigit());
        assert!(is_hash || digits == "unknown", "{text}");
    }
}
