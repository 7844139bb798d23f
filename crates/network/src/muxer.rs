//! Many streams in one TCP connection: yamux with a bound on what is received and not yet read, and
//! on how long a connection may take to close.

use futures::future::{Ready, ready};
use futures::{AsyncRead, AsyncWrite};
use libp2p_core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p_core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::iter;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready as poll_ready};
use std::time::Duration;
use tokio::time::Sleep;

use crate::Config;

/// How long a connection may take to send what it has left and say goodbye.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// The upgrade of a connection to many streams.
#[derive(Debug, Clone)]
pub(crate) struct Multiplex {
    config: yamux::Config,
    max_streams: usize,
}

impl Multiplex {
    /// `config` has been validated: the window is enough for the streams.
    pub(crate) fn new(config: &Config) -> Self {
        let max_streams = config.max_streams();
        let mut yamux = yamux::Config::default();
        // The streams first: yamux refuses a window that is too small for them.
        yamux.set_max_num_streams(max_streams);
        yamux.set_max_connection_receive_window(Some(config.window_bytes));
        Self {
            config: yamux,
            max_streams,
        }
    }

    fn start<C: AsyncRead + AsyncWrite + Unpin>(self, io: C, mode: yamux::Mode) -> Muxer<C> {
        Muxer {
            connection: yamux::Connection::new(io, self.config, mode),
            max_streams: self.max_streams,
            arrived: VecDeque::new(),
            waker: None,
            closing: None,
        }
    }
}

impl UpgradeInfo for Multiplex {
    type Info = &'static str;
    type InfoIter = iter::Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        iter::once("/yamux/1.0.0")
    }
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> InboundConnectionUpgrade<C> for Multiplex {
    type Output = Muxer<C>;
    type Error = Infallible;
    type Future = Ready<Result<Muxer<C>, Infallible>>;

    fn upgrade_inbound(self, io: C, _: Self::Info) -> Self::Future {
        ready(Ok(self.start(io, yamux::Mode::Server)))
    }
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> OutboundConnectionUpgrade<C>
    for Multiplex
{
    type Output = Muxer<C>;
    type Error = Infallible;
    type Future = Ready<Result<Muxer<C>, Infallible>>;

    fn upgrade_outbound(self, io: C, _: Self::Info) -> Self::Future {
        ready(Ok(self.start(io, yamux::Mode::Client)))
    }
}

/// A connection with streams.
pub(crate) struct Muxer<C> {
    connection: yamux::Connection<C>,
    max_streams: usize,
    /// Streams that came while only the others were to make progress.
    arrived: VecDeque<yamux::Stream>,
    waker: Option<Waker>,
    closing: Option<Pin<Box<Sleep>>>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn poll_arrival(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<yamux::Stream, yamux::ConnectionError>> {
        let arrival = poll_ready!(self.connection.poll_next_inbound(cx));
        Poll::Ready(arrival.unwrap_or(Err(yamux::ConnectionError::Closed)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> StreamMuxer for Muxer<C> {
    type Substream = yamux::Stream;
    type Error = yamux::ConnectionError;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        if let Some(stream) = self.arrived.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        let arrival = self.poll_arrival(cx);
        if arrival.is_pending() {
            self.waker = Some(cx.waker().clone());
        }
        arrival
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        self.connection.poll_new_outbound(cx)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StreamMuxerEvent, Self::Error>> {
        let stream = poll_ready!(self.poll_arrival(cx))?;
        // Dropping a stream resets it: what nobody asks for in time is refused.
        if self.arrived.len() < self.max_streams {
            self.arrived.push_back(stream);
            self.waker.take().into_iter().for_each(Waker::wake);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if let Poll::Ready(closed) = self.connection.poll_close(cx) {
            return Poll::Ready(closed);
        }
        // A peer that reads nothing must not keep a connection that we have given up.
        let closing = self
            .closing
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(CLOSE_TIME)));
        closing.as_mut().poll(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::poll_fn;
    use std::io;
    use tokio::time::Instant;

    /// A peer that neither says nor takes anything.
    struct Stuck;

    impl AsyncRead for Stuck {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Stuck {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_does_not_keep_a_connection_from_closing() {
        let multiplex = Multiplex::new(&Config::default());
        let mut muxer = multiplex.start(Stuck, yamux::Mode::Client);
        let begin = Instant::now();
        poll_fn(|cx| Pin::new(&mut muxer).poll_close(cx))
            .await
            .unwrap();
        assert!(begin.elapsed() >= CLOSE_TIME, "it had time to say goodbye");
    }

    #[test]
    fn what_a_connection_has_received_and_nobody_read_is_bounded() {
        let config = Config::default();
        let shown = format!("{:?}", Multiplex::new(&config).config);
        let window = format!(
            "max_connection_receive_window: Some({})",
            config.window_bytes
        );
        let streams = format!("max_num_streams: {}", config.max_streams());
        assert!(
            shown.contains(&window) && shown.contains(&streams),
            "{shown}"
        );
    }
}
