//! Helpers shared by the tests across crates and across processes.
