//! The door of a source in a partition.

use super::Builder;
use crate::expr::Layout;
use crate::operator::partition::{Door, DoorKey};
use crate::plan::KeyPlan;

impl Builder<'_> {
    /// What rows of the source at hand pass, where it has the key of a partition.
    pub(super) fn door(&mut self) {
        let Some(door) = &self.source.door else {
            return;
        };
        // The key is an expression over the stream alone, as the source at place 0.
        let attributes = self.site.plan.streams[self.source.stream].schema.len();
        let layout = Layout::default().all(0, attributes);
        let key = match &door.key {
            KeyPlan::Column(column) => DoorKey::Column(*column),
            KeyPlan::Value(typed) => DoorKey::Value(Box::new(self.compile(typed, &layout))),
            KeyPlan::Ranges(ranges) => {
                let ranges = ranges
                    .iter()
                    .map(|(condition, name)| (self.compile(condition, &layout), name.clone()));
                DoorKey::Ranges(ranges.collect())
            }
        };
        let kept = self.query.partition;
        let kept = kept.and_then(|p| self.site.partitions.iter().position(|own| *own == p));
        let aside = door.aside.map(|stream| {
            let schema = &self.site.plan.streams[self.source.stream].schema;
            let types: Vec<_> = schema.attributes().iter().map(|a| a.ty).collect();
            (self.like(&types), stream)
        });
        let types = self.input.clone();
        let dropped = (door.counts, aside.is_some());
        self.push(Box::new(Door::new(key, door.ty, dropped, kept)), &types);
        if let Some(stage) = self.stages.last_mut() {
            stage.aside = aside;
        }
    }
}
