//! Ctrl-C and SIGTERM: the first ends the node in order, a second one at once.

use crate::NodeError;
use picot_clock::Stop;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The exit code of a node that was told to stop twice: 128 and the number of SIGINT.
const STOPPED_AT_ONCE: i32 = 130;

/// Rings `stop` at the first signal. A second one ends the process where it is, which is safe: what
/// must outlive it is on disk before anybody is told (design 10).
///
/// # Errors
/// The system refuses to hand over signals.
pub(crate) fn stop_on_signals(stop: &Stop) -> Result<(), NodeError> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(NodeError::Signals)?;
    let stop = stop.clone();
    std::thread::spawn(move || {
        for (count, _signal) in signals.forever().enumerate() {
            if count > 0 {
                std::process::exit(STOPPED_AT_ONCE);
            }
            stop.stop();
        }
    });
    Ok(())
}
