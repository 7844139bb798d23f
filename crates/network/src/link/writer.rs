//! Writes the frames of a lane, small ones together.

use futures::io::BufWriter;
use futures::{AsyncWrite, AsyncWriteExt};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::LinkState;
use crate::Event;
use crate::shared::Events;

/// The size of what yamux sends at once: small frames share it, of large ones nothing is copied.
const BUFFER_BYTES: usize = 16 * 1_024;

/// Writes what is queued on a lane until it breaks, and says how it did.
pub(super) async fn write(
    state: &LinkState,
    lane: usize,
    stream: impl AsyncWrite + Unpin,
    events: &Events,
) -> String {
    let Some(lane) = state.lanes.get(lane) else {
        return "it has a lane too many".to_owned();
    };
    let mut stream = BufWriter::with_capacity(BUFFER_BYTES, stream);
    loop {
        let frames = lane.queue.next().await;
        if let Err(error) = write_frames(&mut stream, &frames).await {
            return format!("writing lane {} failed: {error}", lane.number);
        }
        lane.queue.written(&frames);
        let bytes = frames
            .iter()
            .fold(0_usize, |sum, frame| sum.saturating_add(frame.len()));
        let written = u64::try_from(bytes).unwrap_or(u64::MAX);
        lane.written_bytes.fetch_add(written, Ordering::Relaxed);
        events(Event::Written {
            link: state.link,
            lane: lane.number,
            frames: frames.len(),
            bytes,
        });
    }
}

async fn write_frames(
    stream: &mut BufWriter<impl AsyncWrite + Unpin>,
    frames: &[Arc<[u8]>],
) -> io::Result<()> {
    for frame in frames {
        let length =
            u32::try_from(frame.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        stream.write_all(&length.to_le_bytes()).await?;
        stream.write_all(frame).await?;
    }
    stream.flush().await
}
