//! Each step of design 08 against mocks of everybody.

mod building;
mod failing;
mod stuck;
mod when;
mod who;
mod world;
