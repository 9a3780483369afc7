//! When a file that was renamed is left for the one that has its name.

use super::*;
use crate::connector::BadRow;
use crate::event::{Timestamp, Type, Value};
use eventflux_testbed::Scratch;
use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

/// Nothing here takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Hands rows to whoever waits for them.
struct Rows(Schema, Sender<Vec<Value>>);

impl RowSink for Rows {
    fn schema(&self) -> &Schema {
        &self.0
    }

    fn row(&mut self, _: Option<Timestamp>, row: &[Value]) -> Result<(), ConnectorError> {
        self.1
            .send(row.to_vec())
            .map_err(|_| ConnectorError::Stopped)
    }

    fn bad_row(&mut self, place: &dyn Display, fault: BadRow) -> Result<(), ConnectorError> {
        Err(ConnectorError::Other(format!("{place}: {fault}")))
    }

    fn position(&mut self, _: &str) {}
}

/// Ends a source with the test, however that ends.
struct Stopped(StopSignal);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A file that is followed, renamed while it is, and the one that took its name.
fn followed(moved_quiet: Duration, then: impl FnOnce(&Path, &Receiver<Vec<Value>>)) {
    let folder = Scratch::new().expect("a folder");
    let (path, left) = (folder.file("log.jsonl", "{\"n\":1}\n"), folder.at("log.1"));
    let given = [
        ("path".to_string(), path.clone()),
        ("follow".to_string(), "true".to_string()),
    ];
    let options = Options::new("source 'file'", &given, &FileSource::keys()).expect("options");
    let schema = Schema::new([("n", Type::Int)]);
    let mut source = FileSource::new("S", &schema, &options).expect("a source");
    source.moved_quiet = moved_quiet;
    let (sender, rows) = channel();
    std::thread::scope(|scope| {
        let stop = Stopped(StopSignal::new());
        let asked = stop.0.clone();
        let run = scope.spawn(move || source.run(&mut Rows(schema, sender), &asked, None));
        assert_eq!(rows.recv_timeout(PATIENCE), Ok(vec![Value::Int(1)]));
        fs::rename(&path, &left).expect("renamed");
        fs::write(&path, "{\"n\":3}\n").expect("written");
        then(left.as_ref(), &rows);
        drop(stop);
        assert!(run.join().expect("no panic").is_ok());
    });
}

#[test]
fn a_renamed_file_is_read_for_as_long_as_its_writer_may_write() {
    followed(PATIENCE, |old, rows| {
        // Looked at many times, it is not left.
        let none = rows.recv_timeout(FOLLOW_STEP * 6);
        assert_eq!(none, Err(RecvTimeoutError::Timeout));
        let mut old = OpenOptions::new().append(true).open(old).expect("there");
        old.write_all(b"{\"n\":2}\n").expect("written");
        assert_eq!(rows.recv_timeout(PATIENCE), Ok(vec![Value::Int(2)]));
    });
}

#[test]
fn a_renamed_file_that_is_quiet_is_left_for_the_next() {
    followed(Duration::ZERO, |_, rows| {
        assert_eq!(rows.recv_timeout(PATIENCE), Ok(vec![Value::Int(3)]));
    });
}
