//! What `run` does about the state of its app: the options, the store, the restore, and what it says of them.

use crate::failure::{Failure, in_options};
use crate::output::Output;
use crate::places::Replaced;
use crate::report::Progress;
use crate::store::RedisArgs;
use crate::{say, signal};
use clap::{Args, ValueEnum};
use eventflux::checkpoint::CompressionType;
use eventflux::store::{Revision, private};
use eventflux::{
    CheckpointConfig, CheckpointEvent, EventFluxAppRuntime, RestoreOptions, RestoreReport,
    ResumePoint,
};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime};

/// The input of all events that the command line names.
pub const EVENTS: &str = "events";
/// Time between two checkpoints unless told otherwise, and between two writings of metrics.
const SECOND: Duration = Duration::from_secs(1);

/// Where these options stand in the help.
const STATE: &str = "State";

/// Options of `run` about state.
#[derive(Args, Debug)]
pub struct StateArgs {
    /// Keep the app's state and go on with it: file:DIR, redis://…
    ///
    /// The app needs @app:name.
    /// Also: memory, rediss://…, unix:///…, redis+sentinel://…, redis+cluster://…
    #[arg(long, help_heading = STATE, value_name = "URL", verbatim_doc_comment)]
    pub store: Option<String>,
    /// Time between two checkpoints, such as 500ms, 1s, 5m [default: 1s]
    #[arg(long, help_heading = STATE, value_name = "TIME", requires = "store")]
    #[arg(value_parser = duration, hide_short_help = true)]
    pub checkpoint_interval: Option<Duration>,
    /// Where to go on: auto, latest, a revision, or none [default: auto]
    ///
    /// 'auto' is the last revision, and empty if there never was one.
    #[arg(
        long,
        help_heading = STATE,
        value_name = "auto|latest|REVISION|none",
        requires = "store",
        hide_short_help = true
    )]
    pub restore: Option<Restore>,
    /// What an input does that is another file than before
    #[arg(long, help_heading = STATE, value_enum, default_value_t = Replaced::Stop, requires = "store")]
    #[arg(hide_short_help = true)]
    pub replaced: Replaced,
    /// Let queries that are new start empty, and forget the state of those that are gone
    #[arg(long, help_heading = STATE, requires = "store", hide_short_help = true)]
    pub evolve: bool,
    /// How state is compressed [default: zstd, in a build without it lz4]
    #[arg(long, help_heading = STATE, value_enum, requires = "store", hide_short_help = true)]
    pub compression: Option<Compression>,
    /// Claim the state even while another process seems to hold it
    #[arg(long, help_heading = STATE, requires = "store", hide_short_help = true)]
    pub takeover: bool,
    /// Write metrics here each second and at the end, in the text format of Prometheus
    #[arg(long, help_heading = STATE, value_name = "FILE", hide_short_help = true)]
    pub metrics: Option<PathBuf>,
    /// What a URL of Redis does not say.
    #[command(flatten)]
    pub redis: RedisArgs,
}

/// What a run starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restore {
    /// The last revision; empty where there never was one.
    #[default]
    Auto,
    /// The last revision.
    Latest,
    /// This one.
    Revision(Revision),
    /// Empty.
    Nothing,
}

impl FromStr for Restore {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Restore::Auto),
            "latest" => Ok(Restore::Latest),
            "none" => Ok(Restore::Nothing),
            _ => text
                .parse()
                .map(Restore::Revision)
                .map_err(|_| "expected auto, latest, none or a revision such as 1-42".into()),
        }
    }
}

/// How chunks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// Not at all
    None,
    /// Faster, larger
    Lz4,
    /// Smaller
    #[cfg(feature = "zstd")]
    Zstd,
}

/// A time span such as `500ms`, longer than zero.
fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time such as 500ms, 1s or 5m".to_string();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .ok_or_else(expected)?;
    let (number, unit) = text.split_at(digits);
    let ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(expected()),
    };
    let number = number.parse::<u64>().map_err(|_| expected())?;
    match number.checked_mul(ms) {
        Some(ms) if ms > 0 => Ok(Duration::from_millis(ms)),
        _ => Err(expected()),
    }
}

impl StateArgs {
    /// When checkpoints are taken and how.
    pub fn config(&self) -> CheckpointConfig {
        let compression = match self.compression {
            None => CompressionType::default(),
            Some(Compression::None) => CompressionType::None,
            Some(Compression::Lz4) => CompressionType::Lz4,
            #[cfg(feature = "zstd")]
            Some(Compression::Zstd) => CompressionType::Zstd,
        };
        CheckpointConfig::default()
            .interval(self.checkpoint_interval.unwrap_or(SECOND))
            .compression(compression)
            .takeover(self.takeover)
            .on_shutdown(true)
    }

    fn options(&self, restore: Restore) -> RestoreOptions {
        let options = RestoreOptions::default()
            .allow_new(self.evolve)
            .allow_dropped(self.evolve)
            .allow_empty(restore == Restore::Auto);
        match restore {
            Restore::Revision(revision) => options.revision(revision),
            Restore::Auto | Restore::Latest | Restore::Nothing => options,
        }
    }

    /// Claims the state, goes back to a revision and takes the output along; answers where the events go on.
    ///
    /// Without a store it only empties the output. `store`: the store as it is shown.
    pub fn restore(
        &self,
        runtime: &EventFluxAppRuntime,
        output: &std::sync::Arc<Output>,
        store: &str,
    ) -> Result<Option<ResumePoint>, Failure> {
        // A pipe that nobody reads yet is waited for.
        let open = || {
            signal::set_idle(true);
            let opened = output.open();
            signal::set_idle(false);
            opened
        };
        if self.store.is_none() {
            return open().map(|()| None);
        }
        let service = runtime.snapshot_service().map_err(Failure::from_run)?;
        let app = runtime.name().to_string();
        service.observe(move |event| {
            if let Some(line) = waiting(event, &app) {
                signal::set_idle(true);
                say!("{line}");
            }
            if let CheckpointEvent::Repaired(repair) = event {
                say!("{repair}");
            }
        });
        let restore = self.restore.unwrap_or_default();
        // Before the output is touched: another run may be writing it.
        let claimed = match restore {
            Restore::Nothing => service.claim_anew(),
            _ => service.claim().map(|()| None),
        };
        signal::set_idle(false);
        if let Some(aside) = claimed.map_err(Failure::from_run)? {
            let app = runtime.name();
            say!(
                "what was there of app {app} cannot be read, and is in {aside} now: a new history begins"
            );
        }
        let health = service.metrics().store.unwrap_or_default();
        if !health.detail.is_empty() {
            say!("{store}: {}", in_options(health.detail));
        }
        let (name, positioned) = output.positioned();
        service.add_output(name, positioned);
        let mut report = None;
        if restore != Restore::Nothing {
            let restored = runtime.restore_with(&self.options(restore));
            let found = restored.map_err(Failure::from_run)?;
            match found.revision {
                Some(revision) => told(&found, revision, runtime.name(), store),
                None => say!(
                    "starting empty: no revision of app {} in {store}",
                    runtime.name()
                ),
            }
            report = Some(found);
        }
        open()?;
        let inputs = report.into_iter().flat_map(|r| r.inputs);
        let mut events = inputs.filter(|input| input.name == EVENTS);
        Ok(events.next())
    }
}

/// Says whose claim is waited for.
fn waiting(event: &CheckpointEvent, app: &str) -> Option<String> {
    let CheckpointEvent::Waiting { owner, at_most } = event else {
        return None;
    };
    let seconds = at_most.as_secs_f64().round().max(1.0);
    Some(format!(
        "waiting up to {seconds} s for the claim of {owner} on app {app} to end; --takeover does not wait"
    ))
}

/// Says what was restored.
fn told(report: &RestoreReport, revision: Revision, app: &str, store: &str) {
    let mut text = format!("restored revision {revision} of app {app} from {store}");
    let age = report
        .taken
        .and_then(|t| SystemTime::now().duration_since(t).ok());
    if let Some(age) = age {
        let _ = write!(text, ", {:.1} s old", age.as_secs_f64());
    }
    for input in &report.inputs {
        let _ = write!(text, "; {} go on at row {}", input.name, input.next);
    }
    if let Some(back) = &report.clock_back {
        let _ = write!(text, "\n  {back}");
    }
    for query in &report.added {
        let _ = write!(text, "\n  starts empty: {query}");
    }
    for query in &report.edited {
        let _ = write!(text, "\n  keeps its state: {query}");
    }
    for query in &report.dropped {
        let _ = write!(text, "\n  forgotten: {query}");
    }
    say!("{text}");
}

/// Tells of checkpoints that fail while the app runs.
pub fn watch(runtime: &EventFluxAppRuntime, progress: &Progress) {
    let tell = progress.teller();
    if let Ok(service) = runtime.snapshot_service() {
        service.observe(move |event| match event {
            CheckpointEvent::Failed(error, _) => {
                tell("checkpoint", &in_options(error.to_string()));
            }
            CheckpointEvent::RetireFailed(error) => {
                tell("checkpoint", &in_options(error.to_string()));
            }
            _ => {}
        });
    }
}

/// The file that metrics are written to.
pub struct MetricsFile {
    path: Option<PathBuf>,
    due: Instant,
}

impl MetricsFile {
    /// Nothing is written without a path.
    pub fn new(path: Option<&Path>) -> Self {
        MetricsFile {
            path: path.map(Path::to_path_buf),
            due: Instant::now() + SECOND,
        }
    }

    /// Writes the file if a second has passed.
    pub fn tick(&mut self, runtime: &EventFluxAppRuntime) -> Result<(), Failure> {
        if self.path.is_none() || Instant::now() < self.due {
            return Ok(());
        }
        self.due = Instant::now() + SECOND;
        self.write(runtime)
    }

    /// Writes the file as a whole: who reads it never sees a part. What is no regular file is written in place.
    pub fn write(&self, runtime: &EventFluxAppRuntime) -> Result<(), Failure> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let failure = |e: std::io::Error| Failure::run(format!("{}: {e}", path.display()));
        let text = text(runtime);
        if !is_replaced(path) {
            return std::fs::write(path, text).map_err(failure);
        }
        let new = beside(path);
        let mut options = OpenOptions::new();
        let options = private(&new, &mut options).write(true).create(true);
        let mut file = options.truncate(true).open(&new).map_err(failure)?;
        file.write_all(text.as_bytes()).map_err(failure)?;
        std::fs::rename(&new, path).map_err(failure)
    }
}

/// The file that becomes the one at a path.
pub fn beside(path: &Path) -> PathBuf {
    let mut new = path.as_os_str().to_os_string();
    new.push(".new");
    new.into()
}

/// Whether another file takes the place of what is there: not of a link, nor of a device.
pub fn is_replaced(path: &Path) -> bool {
    std::fs::symlink_metadata(path).map_or(true, |about| about.is_file())
}

fn text(runtime: &EventFluxAppRuntime) -> String {
    let mut text = String::new();
    let app = runtime.name();
    if let Ok(metrics) = runtime.metrics() {
        text += &metrics.prometheus(app);
    }
    if let Ok(checkpoints) = runtime.checkpoint_metrics() {
        text += &checkpoints.prometheus(app);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflux::EventFluxManager;
    use eventflux::store::{
        Catalogue, ChunkName, Claim, MemoryStore, Owner, PersistenceStore, StoreError,
    };
    use std::sync::Arc;

    #[test]
    fn a_wait_is_told_in_seconds() {
        for (ms, seconds) in [(30, "1"), (8_050, "8"), (10_050, "10")] {
            let event = CheckpointEvent::Waiting {
                owner: "web-3:41#2".to_string(),
                at_most: Duration::from_millis(ms),
            };
            let line = format!(
                "waiting up to {seconds} s for the claim of web-3:41#2 on app sums to end; --takeover does not wait"
            );
            assert_eq!(waiting(&event, "sums"), Some(line));
        }
        let other = CheckpointEvent::Committed(Revision::default());
        assert_eq!(waiting(&other, "sums"), None);
    }

    /// A store whose state of every app has expired.
    struct Expired(MemoryStore);

    impl PersistenceStore for Expired {
        fn save(&self, app: &str, revision: Revision, bytes: &[u8]) -> Result<(), StoreError> {
            self.0.save(app, revision, bytes)
        }

        fn load(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
            self.0.load(app, revision)
        }

        fn last_revision(&self, app: &str) -> Result<Option<Revision>, StoreError> {
            self.0.last_revision(app)
        }

        fn clear_all_revisions(&self, app: &str) -> Result<(), StoreError> {
            self.0.clear_all_revisions(app)
        }

        fn describe(&self) -> String {
            "a test".to_string()
        }

        fn acquire(&self, app: &str, owner: &Owner) -> Result<Claim, StoreError> {
            self.0.acquire(app, owner)
        }

        fn chunks(&self, app: &str) -> Result<Vec<ChunkName>, StoreError> {
            self.0.chunks(app)
        }

        fn catalogue(&self, app: &str) -> Result<Catalogue, StoreError> {
            Err(StoreError::Expired {
                app: app.to_string(),
                store: self.describe(),
                epoch: 7,
            })
        }
    }

    #[test]
    fn an_expired_state_is_no_empty_one_unless_that_is_asked_for() {
        for (restore, done) in [
            (None, false),
            (Some(Restore::Auto), false),
            (Some(Restore::Latest), false),
            (Some(Restore::Nothing), true),
        ] {
            let mut manager = EventFluxManager::new();
            manager.set_persistence_store(Arc::new(Expired(MemoryStore::new())));
            let text = "@app:name('a') CREATE STREAM S (v LONG); INSERT INTO T SELECT v FROM S;";
            let runtime = manager.create_eventflux_app_runtime(text).expect("right");
            let args = StateArgs {
                store: Some("redis://a".to_string()),
                checkpoint_interval: None,
                restore,
                replaced: Replaced::Stop,
                evolve: false,
                compression: None,
                takeover: false,
                metrics: None,
                redis: RedisArgs::default(),
            };
            let output = Output::new(Path::new("-"), Vec::new());
            match args.restore(&runtime, &output, "a test") {
                Ok(mark) => assert!(done && mark.is_none(), "{restore:?}"),
                Err(failure) => {
                    assert!(!done, "{restore:?}: {failure}");
                    assert_eq!(failure.status(), std::process::ExitCode::from(1));
                    let text = failure.to_string();
                    assert!(text.contains("has expired; its last epoch was 7"), "{text}");
                }
            }
        }
    }

    #[test]
    fn times_and_revisions_are_read() {
        for (text, ms) in [
            ("500ms", 500),
            ("1s", 1_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)));
        }
        for text in [
            "",
            "5",
            "s",
            "0s",
            "-1s",
            "1 s",
            "1d",
            "99999999999999999999s",
            "9999999999999999999m",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!("auto".parse(), Ok(Restore::Auto));
        let revision = "2-7".parse().expect("a revision");
        assert_eq!("2-7".parse(), Ok(Restore::Revision(revision)));
        assert!("newest".parse::<Restore>().is_err());
    }
}
