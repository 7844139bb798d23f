//! The figures of the node, as the interface tells them and adds its own.

use std::time::Duration;

/// The figures of the node, and those of the interface among them.
///
/// Calls come from any thread; all but `page` return at once.
pub trait ApiMetrics: Send + Sync {
    /// All figures as text and its content type; none if they cannot be told. May read the disk.
    fn page(&self) -> Option<(String, &'static str)>;

    /// A request was answered. `route` is the path as it is declared, such as `/api/v1/blocks/{id}`;
    /// none if there is no such route.
    fn answered(&self, route: Option<&str>, status: u16, duration: Duration);

    /// A stream is read, until what is returned is dropped.
    fn stream_opened(&self) -> Box<dyn Send>;
}
