//! One thing for each lane.

use crate::Lane;
use serde::Serialize;

/// One thing for each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PerLane<T> {
    /// That of [`Lane::Urgent`].
    pub urgent: T,
    /// That of [`Lane::Gossip`].
    pub gossip: T,
    /// That of [`Lane::Bulk`].
    pub bulk: T,
}

impl<T> PerLane<T> {
    /// That of a lane.
    #[must_use]
    pub const fn get(&self, lane: Lane) -> &T {
        match lane {
            Lane::Urgent => &self.urgent,
            Lane::Gossip => &self.gossip,
            Lane::Bulk => &self.bulk,
        }
    }

    /// That of a lane, to be changed.
    pub const fn get_mut(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Urgent => &mut self.urgent,
            Lane::Gossip => &mut self.gossip,
            Lane::Bulk => &mut self.bulk,
        }
    }

    /// Something else for each lane, made of this.
    pub fn map<U>(&self, mut make: impl FnMut(&T) -> U) -> PerLane<U> {
        PerLane {
            urgent: make(&self.urgent),
            gossip: make(&self.gossip),
            bulk: make(&self.bulk),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_has_its_own() {
        let mut lanes = PerLane::<u32>::default();
        for lane in Lane::ALL {
            *lanes.get_mut(lane) = u32::from(lane.number()) + 1;
        }
        assert_eq!(Lane::ALL.map(|lane| *lanes.get(lane)), [1, 2, 3]);
        assert_eq!(lanes.map(|number| number * 2).bulk, 6);
    }
}
