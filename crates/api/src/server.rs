//! The interface as a thing that is started and stopped, on threads of its own.

use crate::listener::{self, BoundedListener};
use crate::{ApiConfig, ApiContext, ApiError, ControlContext, control, router};
use axum::Router;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// Threads that answer requests; the blocking ones are bounded apart.
const WORKER_THREADS: usize = 2;
/// How long answers in progress are waited for at the end.
const SHUTDOWN_PATIENCE: Duration = Duration::from_millis(500);

/// A running interface. It stops when dropped.
pub struct ApiServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    runtime: Option<Runtime>,
}

impl ApiServer {
    /// Binds the port and begins to answer.
    ///
    /// # Errors
    /// A wrong setting, a port that is taken, no threads.
    pub fn start(config: ApiConfig, context: Arc<ApiContext>) -> Result<Self, ApiError> {
        Self::serve(&config, |stopped| router(&config, context, stopped))
    }

    /// As [`ApiServer::start`], for the control interface. It is refused anywhere but on loopback.
    ///
    /// # Errors
    /// [`ApiError::ControlOnNetwork`], a wrong setting, a port that is taken, no threads.
    pub fn start_control(
        config: ApiConfig,
        context: Arc<ControlContext>,
    ) -> Result<Self, ApiError> {
        if !config.listen.ip().is_loopback() {
            return Err(ApiError::ControlOnNetwork(config.listen));
        }
        Self::serve(&config, |_stopped| control::router(&config, context))
    }

    fn serve(
        config: &ApiConfig,
        routes: impl FnOnce(watch::Receiver<bool>) -> Router,
    ) -> Result<Self, ApiError> {
        config.validate()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKER_THREADS)
            .max_blocking_threads(config.max_blocking_requests.saturating_add(1))
            .thread_name("api")
            .enable_all()
            .build()
            .map_err(ApiError::Runtime)?;
        let listen_error = |source| ApiError::Listen {
            address: config.listen,
            source,
        };
        let listener = runtime
            .block_on(TcpListener::bind(config.listen))
            .map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let (stop, stopped) = watch::channel(false);
        let listener = BoundedListener::new(listener, config.max_connections, config.idle_timeout);
        let routes = routes(stopped.clone())
            .layer(axum::middleware::from_fn(listener::noticed))
            .into_make_service_with_connect_info::<listener::Client>();
        runtime.spawn(async move {
            let served = axum::serve(listener, routes)
                .with_graceful_shutdown(until_stopped(stopped))
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "the interface ended");
            }
        });
        Ok(Self {
            address,
            stop,
            runtime: Some(runtime),
        })
    }

    /// Where it listens, with the port that was taken.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(SHUTDOWN_PATIENCE);
        }
    }
}

/// Ends when the interface is told to stop.
pub(crate) async fn until_stopped(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop too.
    let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
}
