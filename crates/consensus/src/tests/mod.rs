//! The protocol on engines, by name of what must hold.

mod announcements;
mod bases;
mod bounds;
mod canonical;
mod certificates;
mod clocks;
mod faults;
mod headers;
mod laziness;
mod listening;
mod messages;
mod networks;
mod parents;
mod random;
mod restarts;
mod rules;
mod support;
mod validity;
mod worker;
