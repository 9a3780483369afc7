//! Which workers and components want the rows of each stream.

use crate::event::Batch;
use crate::plan::{Plan, Routing, StreamPlan, worker_of_component};
use crate::runtime::lane::shipment::ALL_COMPONENTS;

/// Where a stream's rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) component: u32,
    pub(crate) to: To,
}

/// Which worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Worker(usize),
    /// The owner of the key in these columns.
    Key(Vec<usize>),
}

/// Where the rows of each stream go.
pub(crate) fn targets(plan: &Plan, workers: usize) -> Vec<Vec<Target>> {
    let mut targets: Vec<Vec<Target>> = vec![Vec::new(); plan.streams.len()];
    for (number, component) in plan.components.iter().enumerate() {
        for stream in &component.reads {
            let to = match &component.routing {
                Routing::Keyed { .. } if workers > 1 => match component.routing.entry(*stream) {
                    Some(entry) => To::Key(entry.columns.clone()),
                    // Its rows are made and read on the same worker.
                    None => continue,
                },
                Routing::Keyed { .. } => To::Worker(0),
                Routing::Single(_) => To::Worker(worker_of_component(number, workers)),
            };
            let component = number as u32;
            targets[*stream].push(Target { component, to });
        }
    }
    // One copy of the rows is enough where all components are on one worker.
    for targets in &mut targets {
        let first = targets.first().map(|t| t.to.clone());
        if let Some(to @ To::Worker(_)) = first
            && targets.iter().all(|t| t.to == to)
        {
            let component = ALL_COMPONENTS;
            *targets = vec![Target { component, to }];
        }
    }
    targets
}

/// An empty batch of each stream, with what its readers need to know of a row.
pub(crate) fn templates(plan: &Plan) -> Vec<Batch> {
    // One clock per worker: every row tells it as soon as any component has a use for it.
    let tracks_clock = plan.components.iter().any(|c| c.tracks_clock);
    let template = |stream: &StreamPlan| {
        let mut batch = Batch::new(&stream.schema);
        batch.tracks_clock = tracks_clock;
        batch
    };
    let mut templates: Vec<Batch> = plan.streams.iter().map(template).collect();
    for component in plan.components.iter().filter(|c| c.tracks_cause) {
        for stream in &component.reads {
            templates[*stream].tracks_cause = true;
        }
    }
    templates
}
