//! The protocol on several engines, by name of what must hold.

mod networks;
