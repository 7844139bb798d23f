//! A listener that accepts no more connections at once than it has places for, and closes those on
//! which nothing happens, so that a place comes back whatever a client does.

use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Accepts a connection when one of its places is free; the connection gives it back at its end.
pub(crate) struct BoundedListener {
    inner: TcpListener,
    places: Arc<Semaphore>,
    patience: Duration,
}

impl BoundedListener {
    /// `patience` is the time without a byte after which a connection is closed.
    pub(crate) fn new(inner: TcpListener, max_connections: usize, patience: Duration) -> Self {
        let places = max_connections.min(Semaphore::MAX_PERMITS);
        Self {
            inner,
            places: Arc::new(Semaphore::new(places)),
            patience,
        }
    }
}

impl Listener for BoundedListener {
    type Io = BoundedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        // The semaphore is never closed, so there is a place; `None` would only mean one too many.
        let (stream, address) = Listener::accept(&mut self.inner).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot turn off delayed sending");
        }
        (
            BoundedStream {
                stream,
                silence: Silence::new(self.patience),
                _place: place,
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}

/// How long nothing has happened on a connection.
struct Silence {
    patience: Duration,
    end: Pin<Box<Sleep>>,
}

impl Silence {
    fn new(patience: Duration) -> Self {
        let end = Box::pin(sleep(patience));
        Self { patience, end }
    }

    /// Hands on what became of an attempt to move bytes: one that waits fails at the end of the
    /// patience, any other one begins it anew.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        attempt: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            if let Some(end) = Instant::now().checked_add(self.patience) {
                self.end.as_mut().reset(end);
            }
            return attempt;
        }
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// A connection that holds a place.
pub(crate) struct BoundedStream {
    stream: TcpStream,
    silence: Silence,
    _place: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for BoundedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let attempt = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.silence.watch(context, attempt)
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let attempt = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.silence.watch(context, attempt)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let attempt = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.silence.watch(context, attempt)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
