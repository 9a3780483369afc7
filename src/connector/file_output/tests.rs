//! What a file holds after it was emptied, kept, cut, refused.

use super::*;
use std::fs;

/// A file in a folder that goes away with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let name = format!("eventflux-file-output-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        Place(folder.join("o"))
    }

    fn put(&self, text: &str) {
        fs::write(&self.0, text).expect("written");
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).expect("written")
    }

    fn output(&self, header: &str, keep: bool) -> FileOutput {
        FileOutput::new(&self.0, header.as_bytes().to_vec(), keep)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().expect("a folder"));
    }
}

fn add(output: &FileOutput, text: &str) {
    let added = output.append(|to| to.extend_from_slice(text.as_bytes()));
    added.expect("a disk");
}

fn position(output: &FileOutput) -> String {
    String::from_utf8(output.position().expect("known")).expect("digits")
}

#[test]
fn rows_empty_the_file_or_go_behind_what_it_holds() {
    let place = Place::new("open");
    place.put("old\n");
    let kept = place.output("h\n", true);
    add(&kept, "new\n");
    assert_eq!(
        (position(&kept), place.text()),
        ("8".into(), "old\n".into())
    );
    kept.sync().expect("a disk");
    assert_eq!(place.text(), "old\nnew\n");
    let emptied = place.output("h\n", false);
    assert_eq!(place.text(), "old\nnew\n");
    add(&emptied, "1\n");
    emptied.flush().expect("a disk");
    assert_eq!(
        (position(&emptied), place.text()),
        ("4".into(), "h\n1\n".into())
    );
}

#[test]
fn a_restore_cuts_the_file_and_rows_go_on_there() {
    let place = Place::new("cut");
    for keep in [false, true] {
        place.put("h\n1\n2\n3\n");
        let output = place.output("h\n", keep);
        output.rewind(Some(b"4")).expect("long enough");
        assert_eq!(place.text(), "h\n1\n");
        add(&output, "two\n");
        assert_eq!(position(&output), "8");
        // back while rows wait in memory, to before and among them
        output.rewind(Some(b"6")).expect("long enough");
        add(&output, "\n");
        output.flush().expect("a disk");
        assert_eq!(place.text(), "h\n1\ntw\n");
        output.rewind(Some(b"0")).expect("long enough");
        output.flush().expect("a disk");
        assert_eq!(place.text(), "h\n");
    }
}

#[test]
fn a_file_of_another_run_is_refused_and_left_alone() {
    let place = Place::new("refuse");
    place.put("123");
    let refused = place.output("", false).rewind(Some(b"4"));
    let why = refused.expect_err("too short");
    assert!(
        why.contains("has 3 bytes") && why.contains("had 4"),
        "{why}"
    );
    let why = place.output("", false).rewind(None).expect_err("not empty");
    assert!(why.contains("move it away"), "{why}");
    let why = place.output("", false).rewind(Some(b"x"));
    assert!(why.expect_err("no number").contains("no length"));
    assert_eq!(place.text(), "123");
    place.output("", true).rewind(None).expect("it is kept");
    assert_eq!(place.text(), "123");
    // what this run wrote itself is taken back
    let own = place.output("", false);
    add(&own, "4567");
    own.rewind(None).expect("its own");
    assert_eq!(place.text(), "");
    fs::remove_file(&place.0).expect("there");
    assert!(place.output("", false).rewind(Some(b"1")).is_err());
    place.output("", false).rewind(None).expect("a new file");
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_takes_rows_and_does_not_go_back_and_one_that_is_full_fails_checkpoints() {
    let null = FileOutput::new("/dev/null", Vec::new(), false);
    add(&null, "row");
    assert_eq!(position(&null), "3");
    null.sync().expect("nothing to do");
    null.rewind(Some(b"1")).expect("nothing to do");
    let full = FileOutput::new("/dev/full", Vec::new(), false);
    add(&full, "row");
    assert!(full.sync().is_err() && full.position().is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_position_whose_bytes_were_lost_since_is_not_made_durable() {
    let file = FileOutput::new("/dev/full", Vec::new(), false);
    let row = |text: &mut Vec<u8>| text.extend_from_slice(b"row\n");
    file.append(row).expect("collected");
    assert_eq!(file.position(), Ok(b"4".to_vec()));
    // rows go on between the cut of a checkpoint and its commit, and are written when there are enough
    let many = |text: &mut Vec<u8>| text.resize(WRITE_BYTES, b'x');
    assert!(file.append(many).is_err());
    let told = file.sync().expect_err("the row is not in the file");
    assert!(told.contains("/dev/full: No space left"), "{told}");
}
