//! Apps from text: the functions they may call, and how they run.

use super::connect::{connections, table_files};
use super::handle::EventFluxAppRuntime;
use super::script::Script;
use crate::connector::Connectors;
use crate::distributed::DistributedConfig;
use crate::error::{BuildError, Fault, NameTaken};
use crate::event::Schema;
use crate::expr::ScalarFunction;
use crate::operator::aggregate::{Aggregate, AggregateFunction};
use crate::plan::{Catalogue, plan};
use crate::runtime::config::CheckpointConfig;
use crate::runtime::config::RuntimeConfig;
use crate::sql::ast::{App, Span};
use crate::sql::parse;
use crate::store::{PersistenceStore, StoreError};
use std::fmt;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Makes apps of SQL text.
///
/// ```
/// use eventflux::{EventFluxManager, RuntimeConfig, Value, Workers};
/// let manager = EventFluxManager::new();
/// let app = "CREATE STREAM S (price DOUBLE); INSERT INTO Out SELECT price * 2 AS p FROM S WHERE price > 1;";
/// let runtime = manager.create_with(app, RuntimeConfig::default().workers(Workers::Inline))?;
/// let out = runtime.subscribe("Out")?;
/// runtime.start()?;
/// runtime.input()?.send("S", (21.0,))?;
/// assert_eq!(out.try_recv().expect("a row").value(0, 0), Value::Double(42.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct EventFluxManager {
    catalogue: Catalogue,
    connectors: Connectors,
    store: Option<Arc<dyn PersistenceStore>>,
    /// Of apps that do not say.
    checkpoints: CheckpointConfig,
}

impl fmt::Debug for EventFluxManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventFluxManager")
            .field("store", &self.store.as_ref().map(|s| s.describe()))
            .field("checkpoints", &self.checkpoints)
            .finish_non_exhaustive()
    }
}

impl EventFluxManager {
    /// A manager with the built-in functions.
    pub fn new() -> Self {
        EventFluxManager::default()
    }

    /// Makes a scalar function callable from SQL. Names are compared without regard to ASCII case.
    ///
    /// Errors: [`NameTaken`] when a function of this name exists.
    pub fn register_function(
        &mut self,
        name: &str,
        function: impl ScalarFunction + 'static,
    ) -> Result<(), NameTaken> {
        let free = self.catalogue.functions.register(name, function);
        if free {
            Ok(())
        } else {
            Err(NameTaken(name.to_string()))
        }
    }

    /// Makes an aggregate function callable from SQL. Names are compared without regard to ASCII case.
    ///
    /// Errors: [`NameTaken`] when an aggregate of this name exists.
    pub fn register_aggregate(
        &mut self,
        name: &str,
        function: impl AggregateFunction + 'static,
    ) -> Result<(), NameTaken> {
        let taken = self
            .catalogue
            .aggregates
            .iter()
            .any(|(n, _)| n.eq_ignore_ascii_case(name));
        if taken || Aggregate::named(name).is_some() {
            return Err(NameTaken(name.to_string()));
        }
        self.catalogue
            .aggregates
            .push((name.into(), Arc::new(function)));
        Ok(())
    }

    /// All that apps may call, aggregates and functions: the name, and how it is called.
    pub fn callable(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.catalogue.aggregates.iter();
        let own = own.map(|(name, _)| (&**name, &**name));
        let functions = self.catalogue.functions.iter();
        let functions = functions.map(|(name, signature, _)| (name, signature));
        Aggregate::signatures().chain(own).chain(functions)
    }

    /// The sources and sinks that apps may name in `WITH`; new ones register here.
    pub fn connectors(&mut self) -> &mut Connectors {
        &mut self.connectors
    }

    /// Keeps the checkpoints of apps that are created from now on in this store.
    pub fn set_persistence_store(&mut self, store: Arc<dyn PersistenceStore>) {
        self.store = Some(store);
    }

    /// Keeps the state of apps that are created from now on as this says: opens the store, and takes checkpoints at the
    /// interval. An app whose [`RuntimeConfig::checkpoints`] was set does as it says there, in the same store.
    ///
    /// Errors: [`StoreError::Refused`] for what cannot work, with the remedy; the manager is as it was.
    pub fn set_distributed_config(&mut self, config: DistributedConfig) -> Result<(), StoreError> {
        self.store = Some(config.open()?);
        let backend = &config.state_backend;
        self.checkpoints = CheckpointConfig::default()
            .interval(backend.checkpoint_interval)
            .incremental(backend.incremental_checkpoints)
            .compression(backend.compression);
        Ok(())
    }

    /// Builds an app with the default configuration.
    ///
    /// Errors: all problems of the text, with line, column and remedy.
    pub fn create_eventflux_app_runtime(
        &self,
        app: &str,
    ) -> Result<EventFluxAppRuntime, BuildError> {
        self.create_with(app, RuntimeConfig::default())
    }

    /// Builds an app.
    ///
    /// Errors: all problems of the text, with line, column and remedy.
    pub fn create_with(
        &self,
        app: &str,
        config: RuntimeConfig,
    ) -> Result<EventFluxAppRuntime, BuildError> {
        let (statements, unread) = parse(app);
        self.create_read(app, &statements, unread, config)
    }

    /// Reads a script: an app that may read files by their names, and in which a SELECT may stand alone.
    ///
    /// Errors: all problems by which it cannot be read, with line, column and remedy.
    pub fn read_script(&self, text: &str) -> Result<Script, BuildError> {
        let is_aggregate = |name: &str| {
            let mut own = self.catalogue.aggregates.iter();
            Aggregate::named(name).is_some() || own.any(|(own, _)| own.eq_ignore_ascii_case(name))
        };
        Script::read(text, &is_aggregate)
    }

    /// Builds the app that a script is, once the columns of each of its files are known, by the file's name.
    ///
    /// Errors: all problems of the text, with line, column and remedy.
    pub fn create_script(
        &self,
        script: &Script,
        columns: &[(&str, Schema)],
        config: RuntimeConfig,
    ) -> Result<EventFluxAppRuntime, BuildError> {
        let app = script.with_files(columns);
        self.create_read(script.text(), &app, Vec::new(), config)
    }

    fn create_read(
        &self,
        app: &str,
        statements: &App,
        unread: Vec<Fault>,
        mut config: RuntimeConfig,
    ) -> Result<EventFluxAppRuntime, BuildError> {
        let plan = plan(app, statements, &self.catalogue, unread)
            .map_err(|faults| BuildError::new(app, faults))?;
        let connections =
            connections(&plan, &self.connectors).map_err(|faults| BuildError::new(app, faults))?;
        let files = table_files(&plan).map_err(|faults| BuildError::new(app, faults))?;
        let name = plan.name.clone().unwrap_or_else(|| {
            let normal = app.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("app-{:016x}", xxh3_64(normal.as_bytes()))
        });
        if self.store.is_some() && plan.name.is_none() {
            let message = "an app whose state is kept in a store needs a name";
            let fault = Fault::new(Span::default(), message);
            let fault = fault.help("begin the text with @app:name('…')");
            return Err(BuildError::new(app, vec![fault]));
        }
        let checkpoints = &mut config.checkpoints;
        checkpoints.get_or_insert_with(|| self.checkpoints.clone());
        let runtime = EventFluxAppRuntime::new(app, plan, name, config)
            .connected(connections)
            .asked(self.catalogue.clone(), files);
        Ok(match &self.store {
            Some(store) => runtime.stored(Arc::clone(store)),
            None => runtime,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::CompressionType;
    use crate::distributed::StateBackendConfig;
    use std::time::Duration;

    const APP: &str = "@app:name('a') CREATE STREAM S (x INT); INSERT INTO Out SELECT x FROM S;";

    fn of(app: &EventFluxAppRuntime) -> CheckpointConfig {
        let checkpoints = app.shared.config.checkpoints.clone();
        checkpoints.expect("the manager sets it")
    }

    #[test]
    fn what_an_app_says_of_its_checkpoints_goes_before_the_manager() {
        let mut manager = EventFluxManager::new();
        let before = manager.create_eventflux_app_runtime(APP).expect("an app");
        assert_eq!(of(&before).interval, None);
        let state_backend = StateBackendConfig {
            checkpoint_interval: Duration::from_secs(7),
            incremental_checkpoints: false,
            compression: CompressionType::Lz4,
            ..Default::default()
        };
        let config = DistributedConfig {
            state_backend,
            ..Default::default()
        };
        let mut wrong = config.clone();
        wrong.state_backend.checkpoint_interval = Duration::ZERO;
        assert!(manager.set_distributed_config(wrong).is_err() && manager.store.is_none());
        manager.set_distributed_config(config).expect("it can work");
        let app = manager.create_eventflux_app_runtime(APP).expect("an app");
        let checkpoints = of(&app);
        assert_eq!(checkpoints.interval, Some(Duration::from_secs(7)));
        assert_eq!(checkpoints.compression, CompressionType::Lz4);
        assert!(!checkpoints.incremental && app.snapshots.is_some());
        let own = RuntimeConfig::default().checkpoints(CheckpointConfig::default());
        let app = manager.create_with(APP, own).expect("an app");
        assert!(of(&app).incremental && of(&app).interval.is_none() && app.snapshots.is_some());
    }
}
