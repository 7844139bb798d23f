//! Each step of design 08 against mocks of everybody.

mod endorsing;
mod failing;
mod stuck;
mod when;
mod world;
