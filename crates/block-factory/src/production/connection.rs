//! Whether anybody would hear of what is produced.

/// The port to the network that a factory asks before it signs.
///
/// Asked on the factory's own thread, before it builds and again before it signs, as the clock is:
/// an implementation looks at what it knows and never blocks. Whoever has no network is
/// [`AlwaysConnected`].
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Connection: Send + Sync {
    /// Why nobody would hear of a product of now, for people: `none of 3 peers is connected`. `None`
    /// if somebody would, and for a node that is meant to be alone because it has no peers to know.
    fn cut_off(&self) -> Option<String>;
}

/// The connection of a node that is alone on purpose, or whose messages never fail to arrive.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysConnected;

impl Connection for AlwaysConnected {
    fn cut_off(&self) -> Option<String> {
        None
    }
}
