//! `state pin`: names for revisions that are to be kept.

use super::args::PinArgs;
use super::read::open;
use crate::failure::Failure;
use crate::show;

pub fn run(args: &PinArgs) -> Result<(), Failure> {
    let opened = open(&args.store)?;
    let (app, name) = (&args.app, &args.name);
    opened.check_app(app)?;
    let _claim = opened.claim(app, "pin")?;
    let catalogue = opened.catalogue(app)?;
    let before = catalogue.pins.iter().find(|(n, _)| n == name);
    let before = before.map(|(_, revision)| *revision);
    if args.remove {
        let Some(before) = before else {
            let names: Vec<&str> = catalogue.pins.iter().map(|(n, _)| n.as_str()).collect();
            let known = match names.is_empty() {
                true => "none".to_string(),
                false => names.join(", "),
            };
            return Err(Failure::usage(format!(
                "app {app} has no pin '{name}'; it has: {known}"
            )));
        };
        let removed = opened.store.pin(app, name, None);
        removed.map_err(Failure::from_run)?;
        show!("pin {name} is gone; revision {before} of app {app} is kept as any other");
        return Ok(());
    }
    let revision = opened.entry(app, &catalogue, args.revision)?.revision;
    let pinned = opened.store.pin(app, name, Some(revision));
    pinned.map_err(Failure::from_run)?;
    match before.filter(|b| *b != revision) {
        Some(before) => show!("pin {name} of app {app}: moved from {before} to {revision}"),
        None => {
            show!("pin {name} of app {app}: revision {revision} is kept until the pin is removed")
        }
    }
    Ok(())
}
