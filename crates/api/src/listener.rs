//! A listener that keeps no more connections at once than it has places for. Whoever comes when all
//! are taken gets the place of the connection that has asked for nothing for the longest time, and
//! connections on which nothing happens are closed, so that nobody can keep others out.

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::middleware::Next;
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// How soon a place is looked for again while all connections are being answered.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What a connection does.
#[derive(Debug)]
struct Doing {
    /// Requests that are being answered, until the body of the answer is handed over or dropped.
    answering: usize,
    /// Whether bytes wait for the client to read others.
    is_writing: bool,
    /// When it came, or was answered last.
    since: Instant,
    /// Whether it has to give its place to another one.
    leaves: bool,
    reader: Option<Waker>,
}

impl Doing {
    const fn is_idle(&self) -> bool {
        self.answering == 0 && !self.is_writing && !self.leaves
    }
}

/// A connection, as its requests and the listener see it.
#[derive(Debug, Clone)]
pub(crate) struct Client(Arc<Mutex<Doing>>);

impl Client {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Doing {
            answering: 0,
            is_writing: false,
            since: Instant::now(),
            leaves: false,
            reader: None,
        })))
    }

    /// Since when it asks for nothing, if it does not.
    fn idle_since(&self) -> Option<Instant> {
        let doing = self.0.lock();
        doing.is_idle().then_some(doing.since)
    }

    /// Makes it leave, unless it asks for something now.
    fn send_away(&self) -> bool {
        let mut doing = self.0.lock();
        if !doing.is_idle() {
            return false;
        }
        doing.leaves = true;
        if let Some(reader) = doing.reader.take() {
            reader.wake();
        }
        true
    }

    /// Whether it has to leave; if not, who reads is woken when it has to.
    fn must_leave(&self, context: &Context<'_>) -> bool {
        let mut doing = self.0.lock();
        if !doing.leaves {
            doing.reader = Some(context.waker().clone());
        }
        doing.leaves
    }

    /// Begins an answer, which ends when the guard is dropped.
    fn begin(&self) -> Answering {
        let mut doing = self.0.lock();
        doing.answering = doing.answering.saturating_add(1);
        Answering(self.clone())
    }

    fn end(&self) {
        let mut doing = self.0.lock();
        doing.answering = doing.answering.saturating_sub(1);
        doing.since = Instant::now();
    }

    fn writes(&self, is_writing: bool) {
        let mut doing = self.0.lock();
        doing.is_writing = is_writing;
        doing.since = Instant::now();
    }
}

impl Connected<IncomingStream<'_, BoundedListener>> for Client {
    fn connect_info(stream: IncomingStream<'_, BoundedListener>) -> Self {
        stream.io().client.clone()
    }
}

/// Ends an answer, also if it is never finished.
struct Answering(Client);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The body of an answer, which is being given for as long as there is the body: a stream until its
/// connection ends, and that of `HEAD` not at all.
struct AnsweringBody {
    body: Body,
    _answering: Answering,
}

impl HttpBody for AnsweringBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Remembers that a connection asks for something.
pub(crate) async fn noticed(request: Request, next: Next) -> Response {
    let client = request.extensions().get::<ConnectInfo<Client>>();
    let Some(ConnectInfo(client)) = client else {
        return next.run(request).await;
    };
    let answering = client.begin();
    let response = next.run(request).await;
    response.map(|body| {
        Body::new(AnsweringBody {
            body,
            _answering: answering,
        })
    })
}

type Clients = Arc<Mutex<BTreeMap<u64, Client>>>;

/// Accepts connections, and gives each a place.
pub(crate) struct BoundedListener {
    inner: TcpListener,
    places: Arc<Semaphore>,
    patience: Duration,
    clients: Clients,
    next: u64,
}

impl BoundedListener {
    /// `patience` is the time without a byte after which a connection is closed.
    pub(crate) fn new(inner: TcpListener, max_connections: usize, patience: Duration) -> Self {
        let places = max_connections.min(Semaphore::MAX_PERMITS);
        Self {
            inner,
            places: Arc::new(Semaphore::new(places)),
            patience,
            clients: Clients::default(),
            next: 0,
        }
    }

    /// A place, if need be that of another connection.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                return Some(place);
            }
            self.make_room();
            let waiting = Arc::clone(&self.places).acquire_owned();
            if let Ok(place) = tokio::time::timeout(LOOK_AGAIN, waiting).await {
                // The semaphore is never closed, so there is a place; `None` would only mean one
                // connection too many.
                return place.ok();
            }
        }
    }

    /// Sends away who has asked for nothing for the longest time.
    fn make_room(&self) {
        let clients = self.clients.lock();
        let oldest = || {
            let idle = clients.values();
            let idle = idle.filter_map(|client| Some((client.idle_since()?, client)));
            idle.min_by_key(|(since, _)| *since)
        };
        // One that begins to ask meanwhile stays, and another one is looked for.
        while let Some((_, client)) = oldest()
            && !client.send_away()
        {}
    }
}

impl Listener for BoundedListener {
    type Io = BoundedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.inner).await;
        let place = self.place().await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot turn off delayed sending");
        }
        let (client, number) = (Client::new(), self.next);
        self.next = number.wrapping_add(1);
        self.clients.lock().insert(number, client.clone());
        let membership = Membership {
            number,
            clients: Arc::clone(&self.clients),
            _place: place,
        };
        (
            BoundedStream {
                stream,
                silence: Silence::new(self.patience),
                client,
                is_writing: false,
                _membership: membership,
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}

/// A place among the clients, for as long as the connection lasts.
struct Membership {
    number: u64,
    clients: Clients,
    _place: Option<OwnedSemaphorePermit>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.clients.lock().remove(&self.number);
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
    client: Client,
    /// What the client was told last of this.
    is_writing: bool,
    _membership: Membership,
}

impl BoundedStream {
    /// Hands on what became of an attempt to write.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        attempt: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if attempt.is_pending() != self.is_writing {
            self.is_writing = attempt.is_pending();
            self.client.writes(self.is_writing);
        }
        self.silence.watch(context, attempt)
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let attempt = Pin::new(&mut this.stream).poll_read(context, buffer);
        if this.client.must_leave(context) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
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
        this.written(context, attempt)
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
        this.written(context, attempt)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::io::Read;

    #[test]
    fn who_asks_for_something_is_not_sent_away() {
        let client = Client::new();
        let (first, second) = (client.begin(), client.begin());
        drop(first);
        assert!(client.idle_since().is_none() && !client.send_away());
        drop(second);
        assert!(client.idle_since().is_some() && client.send_away());
        assert!(!client.send_away(), "it leaves already");
    }

    #[tokio::test]
    async fn who_has_not_read_its_answer_yet_is_not_sent_away() {
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut reader = std::net::TcpStream::connect(inner.local_addr().unwrap()).unwrap();
        let mut listener = BoundedListener::new(inner, 1, Duration::from_secs(60));
        let (mut stream, _) = listener.accept().await;
        let client = stream.client.clone();
        // The whole answer is handed over, and the connection takes no more of it.
        drop(client.begin());
        let part = [0; 65_536];
        let write = |stream: &mut BoundedStream, context: &mut Context<'_>| {
            Pin::new(stream).poll_write(context, &part)
        };
        let mut written = 0;
        poll_fn(|context| {
            while let Poll::Ready(count) = write(&mut stream, context) {
                written += count.unwrap();
            }
            Poll::Ready(())
        })
        .await;
        assert!(!client.send_away());
        std::thread::spawn(move || io::copy(&mut reader.by_ref(), &mut io::sink()));
        poll_fn(|context| write(&mut stream, context))
            .await
            .unwrap();
        assert!(client.send_away());
        assert!(written > 0);
    }
}
