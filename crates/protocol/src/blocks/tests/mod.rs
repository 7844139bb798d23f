//! The rules of the exchange of blocks, by name.
