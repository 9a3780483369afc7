//! Which files of a run are those of an earlier one, and where they go on.

use super::*;
use eventflux_testbed::Scratch;
use std::fs;

fn known(name: &str, offset: u64, ended: bool) -> FilePlace {
    let file = File::open(name).expect("a file");
    FilePlace {
        stream: String::new(),
        name: name.to_string(),
        identity: FileIdentity::of(&file, offset).expect("readable"),
        ended,
        place: Place {
            offset,
            line: 1,
            time: Timestamp(-5),
        },
    }
}

/// The token of a mark, as a session writes it.
fn token(places: &Places) -> String {
    let mut token = head(places.timed, places.clock);
    for file in &places.files {
        let names = names(&file.stream, &file.name);
        let state = State::of_run(file.ended);
        write_file(&mut token, file.place, state, file.identity, &names);
    }
    token + &earlier(&places.earlier)
}

fn assign(places: &[&FilePlace], names: &[&str], replaced: Replaced) -> Result<Vec<u64>, String> {
    let places = Places {
        files: places.iter().map(|p| (*p).clone()).collect(),
        ..Places::default()
    };
    let token = token(&places);
    assert_eq!(Places::read(&token), Ok(places.clone()), "{token}");
    let given = names.iter().map(|name| Given {
        stream: String::new(),
        name: name.to_string(),
        file: File::open(name).ok(),
        packing: Packing::of(Path::new(name)),
    });
    let assigned = places.assign(&given.collect::<Vec<_>>(), replaced);
    let begins = assigned.map(|a| a.begins.iter().map(|b| b.offset).collect());
    begins.map_err(|e| e.to_string())
}

#[test]
fn files_are_known_by_what_they_are() {
    let folder = Scratch::new().expect("a folder");
    let (a, b) = (folder.file("a", "a1\na2\n"), folder.file("b %", "b1\nb2\n"));
    let (at_a, at_b) = (known(&a, 3, false), known(&b, 6, true));
    let both = [&at_a, &at_b];
    let stop = Replaced::Stop;
    assert_eq!(assign(&both, &[&a, &b], stop), Ok(vec![3, 6]));
    assert_eq!(assign(&both, &[&b, &a], stop), Ok(vec![6, 3]));
    // b was read to its end, a was not
    assert_eq!(assign(&both, &[&a], stop), Ok(vec![3]));
    let e = assign(&both, &[&b], stop).expect_err("a has more");
    assert!(
        e.contains("was not read to its end, line 1, and is not given"),
        "{e}"
    );
    assert_eq!(assign(&both, &[&b], Replaced::Begin), Ok(vec![6]));
    // a is renamed, and another file has its name
    let old = folder.path().join("a.1").to_string_lossy().into_owned();
    fs::rename(&a, &old).expect("renamed");
    folder.file("a", "a3\na4\n");
    assert_eq!(assign(&both, &[&old, &a, &b], stop), Ok(vec![3, 0, 6]));
    let e = assign(&both, &[&a, &b], stop).expect_err("another file");
    assert!(
        e.contains("is not the file that was read up to line 1"),
        "{e}"
    );
    assert_eq!(assign(&both, &[&a, &b], Replaced::Begin), Ok(vec![0, 6]));
    // b grows, and is cut
    folder.file("b %", "b1\nb2\nb3\n");
    assert_eq!(assign(&[&at_b], &[&b], stop), Ok(vec![6]));
    let e = assign(&[&at_b], &[&a], stop).expect_err("b has more");
    assert!(e.contains("has grown since"), "{e}");
    folder.file("b %", "b1\n");
    let e = assign(&[&at_b], &[&b], stop).expect_err("cut");
    assert!(e.contains("is not the file that was read"), "{e}");
}

#[test]
fn files_of_earlier_runs_are_remembered_up_to_a_bound() {
    let folder = Scratch::new().expect("a folder");
    let count = EARLIER_MAX + 3;
    let days: Vec<String> = (0..count)
        .map(|n| folder.file(&n.to_string(), &format!("{n}\n")))
        .collect();
    let given = |n: usize| Given {
        stream: String::new(),
        name: days[n].clone(),
        file: File::open(&days[n]).ok(),
        packing: Packing::None,
    };
    let length = |n: usize| fs::metadata(&days[n]).expect("there").len();
    let mut places = Places::default();
    for (n, day) in days.iter().enumerate() {
        let assigned = places.assign(&[given(n)], Replaced::Stop).expect("new");
        assert_eq!(assigned.begins, [Place::START]);
        places.files = vec![known(day, length(n), true)];
        places.earlier = assigned.earlier;
        assert_eq!(Places::read(&token(&places)), Ok(places.clone()));
    }
    assert_eq!(places.earlier.len(), EARLIER_MAX);
    for (n, goes_on) in [(0, false), (1, false), (2, true), (count - 2, true)] {
        let assigned = places.assign(&[given(n)], Replaced::Stop).expect("known");
        assert!(assigned.changed && assigned.goes_on == goes_on, "{n}");
        assert_eq!(assigned.begins[0].offset > 0, goes_on);
    }
}

#[test]
fn a_place_is_where_a_line_begins() {
    let folder = Scratch::new().expect("a folder");
    let a = folder.file("a", "a1\na2\na3");
    let file = File::open(&a).expect("a file");
    let at = |offset| seek_line(&file, offset).expect("readable");
    assert_eq!([0, 3, 6, 8].map(at), [Some(0), Some(3), Some(6), Some(8)]);
    assert_eq!([1, 4, 7, 9, 99].map(at), [None; 5]);
    folder.file("a", "a1\r\na2\n");
    assert_eq!([2, 4, 6, 7].map(at), [Some(4), Some(4), Some(7), Some(7)]);
}

#[test]
fn revisions_without_names_go_on_by_the_order_of_files() {
    let folder = Scratch::new().expect("a folder");
    let files = [
        folder.file("a", "a1\na2\n"),
        folder.file("b.csv", "n\n1\n2"),
    ];
    let given = |names: &[&String]| {
        let given = names.iter().map(|name| Given {
            stream: String::new(),
            name: name.to_string(),
            file: File::open(name).ok(),
            packing: Packing::None,
        });
        given.collect::<Vec<_>>()
    };
    let begins = |token: &str, names: &[&String]| {
        let places = Places::read(token).expect("an old one");
        let assigned = places.assign(&given(names), Replaced::Stop)?;
        assert!(assigned.notes[0].contains("does not say which files"));
        Ok::<_, Failure>(assigned.begins.iter().map(|b| b.offset).collect::<Vec<_>>())
    };
    let [a, b] = &files;
    let both = [a, b];
    assert_eq!(begins("1 3:1:0 4:2:0", &both), Ok(vec![3, 4]));
    // the end of a last row without a line end, and half a line that was taken
    assert_eq!(begins("1 4:2:0 6:3:0", &both), Ok(vec![4, 5]));
    let e = begins("1 9:2:0 4:2:0", &both)
        .expect_err("too short")
        .to_string();
    assert!(
        e.contains("a has 6 bytes, and was read up to byte 9"),
        "{e}"
    );
    let e = begins("1 3:1:0", &both).expect_err("one file").to_string();
    assert!(e.contains("of 1 files of events, not of 2"), "{e}");
}

#[test]
fn the_text_of_a_token_stays() {
    let file = |stream: &str, name: &str, ended, (offset, line, time)| FilePlace {
        stream: stream.to_string(),
        name: name.to_string(),
        identity: (offset > 0).then(|| "2f.c0de.7.abc".parse().expect("an identity")),
        ended,
        place: Place {
            offset,
            line,
            time: Timestamp(time),
        },
    };
    let places = Places {
        timed: true,
        clock: Some(Timestamp(-7)),
        files: vec![
            file("", "a b;c%\n", false, (0, 0, i64::MIN)),
            file("S", "/x.csv", true, (25, 3, -5)),
        ],
        earlier: vec![
            file("Ö", "ä", true, (9, 1, 8)),
            file("", "y", false, (4, 2, 0)),
        ],
        unnamed: false,
    };
    let text = "1 named -7 0:0:-9223372036854775808;open;-;;a%20b%3bc%25%0a 25:3:-5;end;2f.c0de.7.abc;S;/x.csv \
                9:1:8;past;2f.c0de.7.abc;Ö;ä 4:2:0;past-open;2f.c0de.7.abc;;y";
    assert_eq!(token(&places), text);
    assert_eq!(Places::read(text), Ok(places));
    assert_eq!(token(&Places::default()), "0 named -");
}

#[test]
fn revisions_without_names_are_read() {
    let places = Places::read("1 0:0:-9223372036854775808 25:1:7").expect("an old one");
    assert!(places.timed && places.unnamed);
    assert_eq!(places.files[1].place.offset, 25);
    for token in [
        "",
        "x",
        "2 0:0:0",
        "1 0:0",
        "1 named",
        "0 named - 1:1:1;end;-;x",
    ] {
        let e = Places::read(token).expect_err(token).to_string();
        assert!(e.contains("is no place"), "{e}");
    }
}
