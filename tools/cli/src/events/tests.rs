//! Events of several files in one order, one by one and in columns.

use super::*;
use eventflux::connector::Format;
use eventflux::event::Type;
use eventflux_kit::Random;

fn streams() -> Streams {
    let schema = || Schema::new([("n", Type::Int)]);
    Streams::new(["A", "B"].map(|name| (name.into(), schema(), None)))
}

fn all(events: &mut Events) -> Vec<String> {
    all_by(events, |_, _| false)
}

/// All events; `take` may take rows that follow.
fn all_by(
    events: &mut Events,
    mut take: impl FnMut(&mut Events, &mut Vec<String>) -> bool,
) -> Vec<String> {
    let mut out = Vec::new();
    loop {
        if take(events, &mut out) {
            continue;
        }
        if !events.advance().expect("readable") {
            return out;
        }
        let Placed { file, line, event } = events.event().expect("at hand");
        let text = match event {
            Event::Row { stream, at, row } => {
                format!("{stream} {:?} {}", at.map(|at| at.millis()), row[0])
            }
            Event::Batch(batch, faults) => {
                let runs = batch.iter().map(|(s, rows)| format!("{s}×{}", rows.len()));
                let faults = faults.iter().map(BadRow::to_string);
                let all: Vec<String> = runs.chain(faults).collect();
                format!("batch {}", all.join(" "))
            }
            Event::Clock(at) => format!("clock {}", at.millis()),
            Event::Bad(fault) => format!("bad {fault}"),
        };
        out.push(format!("{file}:{line} {text}"));
    }
}

fn text(events: &mut Events, name: &str, text: &str) {
    let source = OpenedInput {
        name: name.into(),
        stream: None,
        text: Text::new(Format::Json),
        reader: Box::new(io::Cursor::new(text.to_string())),
        file: None,
        packed: false,
        begin: Begin::default(),
        time: Place::START.time,
    };
    events.add(source).expect("nothing is opened");
}

#[test]
fn events_of_one_file_keep_their_order() {
    let mut events = Events::new(streams(), false);
    text(
        &mut events,
        "e",
        "{\"stream\":\"A\",\"at\":5,\"row\":[1]}\n\n{\"stream\":\"b\",\"at\":3,\"row\":{\"n\":2}}\n{\"clock\":9}\n\
         {\"stream\":\"C\",\"row\":[1]}\nx\n{\"stream\":\"A\",\"row\":[1.5]}\n\
         {\"batch\":[{\"stream\":\"A\",\"row\":[1]},{\"stream\":\"A\",\"row\":[2]},\
         {\"stream\":\"B\",\"row\":[3]}]}\n\
         {\"batch\":[{\"stream\":\"A\",\"row\":[1]},{\"stream\":\"A\",\"row\":[true]}]}\n{\"batch\":[]}",
    );
    assert_eq!(
        all(&mut events),
        [
            "e:1 0 Some(5) 1",
            "e:3 1 Some(3) 2",
            "e:4 clock 9",
            "e:5 bad unknown stream 'C'; known: A, B",
            "e:6 bad expected value, column 1",
            "e:7 bad attribute 'n' INT: 1.5 is not an integer",
            "e:8 batch 0×2 1×1",
            "e:9 batch 0×1 row 2 of the batch: attribute 'n' INT: found a boolean true, expected an integer",
            "e:10 batch ",
        ]
    );
    assert_eq!(all(&mut events), Vec::<String>::new());
}

#[test]
fn files_are_merged_by_time_and_else_follow_each_other() {
    let mut events = Events::new(streams(), false);
    text(
        &mut events,
        "a",
        "{\"stream\":\"A\",\"at\":1,\"row\":[1]}\n{\"stream\":\"A\",\"at\":4,\"row\":[2]}\n\
         {\"stream\":\"A\",\"row\":[3]}",
    );
    text(
        &mut events,
        "b",
        "{\"stream\":\"B\",\"at\":1,\"row\":[4]}\n{\"clock\":2}\n?\n{\"stream\":\"B\",\"at\":5,\"row\":[5]}",
    );
    text(
        &mut events,
        "c",
        "{\"stream\":\"A\",\"row\":[6]}\n{\"stream\":\"A\",\"row\":[7]}",
    );
    assert_eq!(
        all(&mut events),
        [
            "c:1 0 None 6",
            "c:2 0 None 7",
            "a:1 0 Some(1) 1",
            "b:1 1 Some(1) 4",
            "b:2 clock 2",
            "b:3 bad expected value, column 1",
            "a:2 0 Some(4) 2",
            "a:3 0 None 3",
            "b:4 1 Some(5) 5",
        ]
    );
}

/// Takes rows in columns where that is possible; adds how many, and the most at once.
fn together(events: &mut Events, out: &mut Vec<String>, taken: &mut (usize, usize)) -> bool {
    let Some(placed) = events.advance_rows().expect("readable") else {
        return false;
    };
    let PlacedRows {
        file, line, stream, ..
    } = placed;
    let rows = placed.rows;
    for row in 0..rows.len() {
        let at = rows.is_timed().then(|| rows.rows().at()[row].millis());
        let value = rows.rows().value(row, 0);
        let line = line + row as u64;
        out.push(format!("{file}:{line} {stream} {at:?} {value}"));
    }
    *taken = (taken.0 + rows.len(), taken.1.max(rows.len()));
    true
}

/// Lines of a file, whose times mostly go on, in steps that make long runs or short ones.
fn lines(random: &mut Random, step: i64) -> String {
    let (mut at, mut text) = (random.below(20i64), String::new());
    for n in 0..random.below(300usize) {
        at += random.below(step + 1) - i64::from(random.once_in(12));
        text += &match random.below(16usize) {
            0 => "{\"stream\":\"B\",\"row\":[7]}\n".to_string(),
            1 => format!("{{\"clock\":{at}}}\n"),
            2 => "?\n".to_string(),
            _ => format!("{{\"stream\":\"A\",\"at\":{at},\"row\":[{n}]}}\n"),
        };
    }
    text
}

#[test]
fn rows_of_several_files_taken_together_come_in_the_order_of_those_taken_singly() {
    let mut random = Random::named(4, "files side by side");
    // of one file, and of several
    let mut taken = [(0, 0); 2];
    for _ in 0..100 {
        let files = 1 + random.below(3usize);
        let steps = (0..files).map(|_| *random.pick(&[0, 1, 3, 20]));
        let steps: Vec<i64> = steps.collect();
        let texts: Vec<String> = steps.iter().map(|s| lines(&mut random, *s)).collect();
        let opened = || {
            let mut events = Events::new(streams(), false);
            for (n, lines) in texts.iter().enumerate() {
                text(&mut events, &n.to_string(), lines);
            }
            events
        };
        let singly = all(&mut opened());
        let rows = all_by(&mut opened(), |events, out| {
            together(events, out, &mut taken[usize::from(files > 1)])
        });
        assert_eq!(rows, singly, "{texts:#?}");
    }
    // Otherwise nothing was compared.
    assert!(taken.iter().all(|t| t.0 > 500 && t.1 > 20), "{taken:?}");
}

#[test]
fn files_without_times_follow_each_other_in_columns() {
    let rows = |from: u32| {
        let rows = (from..from + 300).map(|n| format!("{{\"stream\":\"A\",\"row\":[{n}]}}\n"));
        rows.collect::<String>()
    };
    let mut events = Events::new(streams(), false);
    text(&mut events, "a", &rows(0));
    text(&mut events, "b", &rows(300));
    let mut taken = (0, 0);
    let out = all_by(&mut events, |events, out| together(events, out, &mut taken));
    assert_eq!(out.len(), 600);
    assert_eq!(out[599], "b:300 0 None 599");
    // The first rows of each file are read singly: another file's might have followed.
    assert_eq!(taken, (2 * (299 - FOLLOWED_MIN), COLUMN_ROWS));
}
