//! Rows with lasting numbers, from a running app into [`Seen`].

use eventflux::{Batch, EventFluxAppRuntime, OutputNumber};
use eventflux_kit::Seen;

/// Has `seen` take what streams of an app show from now on, which then have numbers on their rows.
pub fn attach(seen: &Seen, app: &EventFluxAppRuntime, streams: &[&'static str]) {
    for stream in streams.iter().copied() {
        let seen = seen.clone();
        let add = move |batch: &Batch, numbers: &[OutputNumber]| {
            for (place, number) in numbers.iter().enumerate() {
                let row = format!("{:?}", batch.row(place));
                seen.add(stream, number.group, number.number, row);
            }
        };
        app.add_numbered_callback(stream, add).expect("a stream");
    }
}
