//! The control interface: keys, factories and their history, on a listener of its own, for whoever
//! knows the token.

mod context;
mod convert;
mod peer_routes;
pub mod peers;
mod routes;
mod token;
pub mod types {
    //! The bodies of requests and answers.
    pub use picot_api_types::control::*;
}

pub use context::{ControlContext, KeyControl};
pub(crate) use routes::router;
pub use token::ControlToken;
