//! `picot db`: care for a stopped node's data.

use super::args::{DbArgs, DbCommand};
use super::{CliError, World};
use crate::data_layout::DataLayout;
use crate::db_check;
use crate::db_info::{self, DataInfo, SigningLogInfo};

pub(super) fn run(command: DbCommand, world: &mut World<'_>) -> Result<(), CliError> {
    match command {
        DbCommand::Check(arguments) => check(&arguments, world),
        DbCommand::Info(arguments) => info(&arguments, world),
    }
}

fn check(arguments: &DbArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let layout = DataLayout::new(&arguments.data);
    let report = db_check::check(&layout).map_err(|error| CliError::Check {
        data: arguments.data.clone(),
        source: Box::new(error),
    })?;
    if arguments.json {
        return world.say_json(&report);
    }
    let same = if report.executed_again {
        "stored, recomputed from all pairs, and that of the archive executed again".to_owned()
    } else {
        "stored, and recomputed from all pairs".to_owned()
    };
    world.say(format_args!(
        "state     final up to slot {}\n          state hash {}: {same}",
        report.last_final_slot, report.state_hash
    ))?;
    world.say(format_args!(
        "archive   {} decisions, {} blocks; {} decisions to execute at the next start",
        report.outcomes, report.blocks, report.outcomes_to_execute
    ))?;
    if !report.executed_again {
        world.say(format_args!(
            "          whole from period {} on: followed up to the state, not executed again",
            report.archive_from
        ))?;
    }
    let unknown = match report.certificates_unknown {
        0 => String::new(),
        unknown => format!("; {unknown} are of cycles whose validators are not known any more"),
    };
    world.say(format_args!(
        "          {} certificates verified{unknown}",
        report.certificates_verified
    ))?;
    world.say(format_args!(
        "signing   {} blocks of our keys, each the only header claimed for its slot",
        report.own_blocks
    ))
}

fn info(arguments: &DbArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let layout = DataLayout::new(&arguments.data);
    let info = db_info::info(&layout).map_err(|error| CliError::Data {
        data: arguments.data.clone(),
        source: Box::new(error),
    })?;
    if arguments.json {
        return world.say_json(&info);
    }
    for line in lines(&info) {
        world.say(format_args!("{line}"))?;
    }
    Ok(())
}

fn lines(info: &DataInfo) -> Vec<String> {
    let mut lines = vec![format!("chain     {} ({})", info.chain, info.chain_id)];
    match &info.state {
        None => lines.push("state     none yet".to_owned()),
        Some(state) => {
            lines.push(format!(
                "state     final up to slot {}",
                state.last_final_slot
            ));
            lines.push(format!("          state hash {}", state.state_hash));
            lines.push(format!(
                "          {} accounts, {} stakers",
                state.accounts, state.stakers
            ));
            let format = state.format;
            lines.push(if format == state.known_format {
                format!("          format {format}")
            } else {
                format!(
                    "          format {format}; this program reads format {}",
                    state.known_format
                )
            });
        }
    }
    lines.push(match &info.archive {
        None => "archive   empty".to_owned(),
        Some(span) => format!("archive   slots {} to {}", span.first, span.last),
    });
    if let Some(history) = &info.history {
        lines.push(format!("          kept: {history}"));
    }
    if let Some(checkpoint) = &info.checkpoint {
        lines.push(format!("certified slot {}", checkpoint.slot));
        lines.push(format!("          state hash {}", checkpoint.state_hash));
    }
    lines.push(match info.signing_log {
        SigningLogInfo::New => "signing   nobody has said what the log knows".to_owned(),
        SigningLogInfo::Complete => "signing   the log knows all that the keys signed".to_owned(),
        SigningLogInfo::Since(since) => {
            let since = picot_models::Timestamp(since);
            format!("signing   the log knows what was signed since {since}")
        }
    });
    let sizes = &info.sizes;
    let parts = [
        ("state", sizes.state),
        ("archive", sizes.archive),
        ("journal", sizes.journal),
        ("node", sizes.node),
        ("signing log", sizes.signing_log),
        ("all", sizes.total),
    ];
    let parts = parts.map(|(name, bytes)| format!("{name} {}", size(bytes)));
    lines.push(format!("on disk   {}", parts.join(", ")));
    lines
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut whole = bytes;
    let mut tenths = 0;
    let mut unit = 0_usize;
    while whole >= 1_024 && unit.saturating_add(1) < UNITS.len() {
        tenths = whole
            .wrapping_rem(1_024)
            .saturating_mul(10)
            .wrapping_div(1_024);
        whole = whole.wrapping_div(1_024);
        unit = unit.saturating_add(1);
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 {
        format!("{whole} {name}")
    } else {
        format!("{whole}.{tenths} {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_people_read_them() {
        let sizes = [0, 1_023, 1_024, 1_536, 5 << 20, (3 << 30) + (1 << 29)];
        let expected = ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 MiB", "3.5 GiB"];
        assert_eq!(sizes.map(size), expected);
    }
}
