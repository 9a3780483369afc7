//! Random named windows: what writes them, and what reads them.

use super::super::app::{
    App, Attribute, Events, Item, Nature, Query, Role, Source, Stream, Window,
};
use super::super::expr::{Expr, Kind};
use super::features::{Feature, declared, finish, keys, number};
use eventflux::event::Type;
use eventflux_kit::Random;

/// A named window, its writers, then its readers.
pub fn window(r: &mut Random, app: &mut App, inputs: &[usize], text: bool, features: &[Feature]) {
    let place = app.streams.len();
    let mut stream = declared(r, "W".into(), place, text, Role::Stream);
    stream
        .attributes
        .retain(|a| a.nature == Nature::Key || a.ty == Type::Long);
    app.streams.push(stream);
    let window = kind(r, app, place, features);
    let events = match r.below(100) {
        0..75 => Events::All,
        75..90 => Events::Current,
        _ => Events::Expired,
    };
    app.streams[place].role = Role::Window(window, events);
    let several = app.lateness_us == 0 && app.inputs == 1;
    let first = r.below(inputs.len());
    let writers = 1 + usize::from(several && r.chance(40));
    for source in inputs
        .iter()
        .cycle()
        .skip(first)
        .take(writers.min(inputs.len()))
    {
        let source = *source;
        let query = writer(r, app, place, source);
        app.queries.push(query);
    }
    let joined = features.contains(&Feature::Joins) && events == Events::All;
    for _ in 0..usize::from(!joined) + r.below(3) {
        reader(r, app, place, events);
    }
}

fn kind(r: &mut Random, app: &App, place: usize, features: &[Feature]) -> Window {
    let flushes = features.contains(&Feature::BatchSides) || !features.contains(&Feature::Joins);
    loop {
        match super::window(r, app, place, false, false) {
            Some(Window::Delay(_) | Window::SessionBatch(..) | Window::Batch) | None => {}
            Some(window) if window.flushes() && !flushes => {}
            Some(window) => return window,
        }
    }
}

/// Rows of a stream, with the attributes that fit those of the target.
pub fn writer(r: &mut Random, app: &App, place: usize, source: usize) -> Query {
    let of: &Stream = &app.streams[source];
    let (of_window, of_source) = (keys(&app.streams[place]), keys(of));
    let item = |(at, a): (usize, &Attribute)| {
        let key = of_window.iter().position(|k| *k == at);
        let from = key.map_or(number(of), |key| of_source[key.min(of_source.len() - 1)]);
        let column = Expr::new(of.attributes[from].ty, Kind::Column(from));
        let fits = column.ty == a.ty || column.ty.widens_to(a.ty);
        Item {
            expr: match fits {
                true => column,
                false => Expr::new(a.ty, Kind::Cast(Box::new(column))),
            },
            alias: a.name.clone(),
            nature: a.nature,
        }
    };
    let attributes = app.streams[place].attributes.iter().enumerate();
    let mut query = Query {
        items: attributes.map(item).collect(),
        ..Query::of(Source::of(source), place)
    };
    if r.chance(20) {
        let leaves = super::source_leaves(app, source);
        query.from.filter = Some(super::scope(r, leaves, true).condition(1));
    }
    query
}

fn reader(r: &mut Random, app: &mut App, place: usize, given: Events) {
    let mut query = Query::of(Source::of(place), 0);
    query.events = match (given, r.below(100)) {
        (Events::Expired, 0..60) => Events::Expired,
        (Events::Expired, _) => Events::All,
        (_, 0..35) => Events::All,
        (Events::All, 35..55) => Events::Expired,
        _ => Events::Current,
    };
    let leaves = super::source_leaves(app, place);
    if r.chance(25) {
        query.from.filter = Some(super::scope(r, leaves.clone(), false).condition(1));
    }
    if r.chance(15) {
        query.condition = Some(super::scope(r, leaves, false).condition(1));
    }
    finish(r, app, query);
}
