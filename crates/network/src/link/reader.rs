//! Reads the frames of a lane: the length is checked before anything is allocated, memory grows
//! with the bytes that come, and while the receiver holds too much, nothing is read.

use futures::{AsyncRead, AsyncReadExt};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::pace::CHUNK_BYTES;
use super::{Lane, LinkState};
use crate::config::FRAME_COST_BYTES;
use crate::network::Room;
use crate::shared::Events;
use crate::{Event, Frame};

/// The length of a frame, little end first, before its bytes.
pub(super) const HEADER_BYTES: usize = 4;

/// How fast a frame must come, once it has begun, beside [`FRAME_PATIENCE`].
const LEAST_BYTES_PER_SECOND: usize = 64 * 1_024;
const FRAME_PATIENCE: Duration = Duration::from_secs(60);

/// Tells the frames of a lane until it ends, and says why it did.
pub(super) async fn read(
    state: &LinkState,
    lane: usize,
    mut stream: impl AsyncRead + Unpin,
    events: &Events,
) -> String {
    let Some(lane) = state.lanes.get(lane) else {
        return "it has a lane too many".to_owned();
    };
    loop {
        match read_frame(state, lane, &mut stream).await {
            Ok(frame) => events(Event::Frame(frame)),
            Err(reason) => return reason,
        }
    }
}

async fn read_frame(
    state: &LinkState,
    lane: &Lane,
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Frame, String> {
    let broken = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "the peer closed it".to_owned(),
        _ => format!("reading lane {} failed: {error}", lane.number),
    };
    state.pace.wait(lane.number).await;
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header).await.map_err(broken)?;
    state.pace.spend(HEADER_BYTES);
    let length = usize::try_from(u32::from_le_bytes(header)).unwrap_or(usize::MAX);
    let limit = lane.limits.max_frame_bytes;
    if length > limit {
        let number = lane.number;
        return Err(format!(
            "it sent a frame of {length} bytes on lane {number}, over the limit of {limit}"
        ));
    }
    let room = room_for(lane, length).await?;
    let bytes = timeout(time_for(length), read_bytes(state, lane, stream, length))
        .await
        .map_err(|_| {
            format!(
                "a frame of {length} bytes on lane {} took too long",
                lane.number
            )
        })?
        .map_err(broken)?;
    let received = u64::try_from(length).unwrap_or(u64::MAX);
    lane.received_bytes.fetch_add(received, Ordering::Relaxed);
    Ok(Frame::received(state.link, lane.number, bytes, room))
}

/// Waits until there is room for a frame: in its lane, and for what is longer than that, in what all
/// links share.
async fn room_for(lane: &Lane, length: usize) -> Result<Room, String> {
    let cost = length.saturating_add(FRAME_COST_BYTES);
    let of_lane = cost.min(lane.limits.unread_bytes);
    let rest = cost.saturating_sub(of_lane);
    let of_lane = acquire(&lane.room, of_lane).await?;
    let of_all = match rest {
        0 => None,
        rest => Some(acquire(&lane.long_frames, rest).await?),
    };
    Ok(Room {
        _of_lane: of_lane,
        _of_all: of_all,
    })
}

async fn acquire(room: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, String> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    let permit = Arc::clone(room).acquire_many_owned(bytes).await;
    permit.map_err(|_| "the lane is closed".to_owned())
}

/// How long a frame may take once there is room for it: who is slower than this keeps room from others.
fn time_for(length: usize) -> Duration {
    let seconds = length.div_euclid(LEAST_BYTES_PER_SECOND);
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    FRAME_PATIENCE.saturating_add(Duration::from_secs(seconds))
}

async fn read_bytes(
    state: &LinkState,
    lane: &Lane,
    stream: &mut (impl AsyncRead + Unpin),
    length: usize,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        state.pace.wait(lane.number).await;
        let have = bytes.len();
        let chunk = length.saturating_sub(have).min(CHUNK_BYTES);
        grow(&mut bytes, have.saturating_add(chunk), length);
        bytes.resize(have.saturating_add(chunk), 0);
        let read = stream
            .read(bytes.get_mut(have..).unwrap_or_default())
            .await?;
        bytes.truncate(have.saturating_add(read));
        state.pace.spend(read);
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(bytes)
}

/// Makes room for `least` bytes, doubling what there is, and never for more than the frame has.
fn grow(bytes: &mut Vec<u8>, least: usize, length: usize) {
    if bytes.capacity() < least {
        let capacity = bytes.capacity().saturating_mul(2).max(least).min(length);
        bytes.reserve_exact(capacity.saturating_sub(bytes.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_a_minute_and_more_the_longer_it_is() {
        assert_eq!(time_for(0), FRAME_PATIENCE);
        assert_eq!(time_for(1 << 24), FRAME_PATIENCE + Duration::from_secs(256));
    }

    #[test]
    fn memory_for_a_frame_grows_with_what_has_come() {
        let mut bytes = Vec::new();
        while bytes.len() < 1_000_000 {
            let have = bytes.len();
            grow(&mut bytes, (have + CHUNK_BYTES).min(1_000_000), 1_000_000);
            assert!(bytes.capacity() <= (2 * have).max(have + CHUNK_BYTES).min(1_000_000));
            bytes.resize((have + CHUNK_BYTES).min(1_000_000), 0);
        }
        assert_eq!(bytes.capacity(), 1_000_000);
    }
}
