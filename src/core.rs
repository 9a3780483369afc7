//! The names of this crate by the paths of EventFlux and Siddhi. Everything here is also elsewhere.
//!
//! Checkpoints in Redis:
//!
//! ```no_run
//! # #[cfg(feature = "redis")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use eventflux::core::persistence::RedisPersistenceStore;
//! use eventflux::core::distributed::RedisConfig;
//! # use std::sync::Arc;
//! # let mut manager = eventflux::EventFluxManager::new();
//!
//! let config = RedisConfig {
//!     url: "redis://localhost:6379".to_string(),
//!     max_connections: 10,
//!     connection_timeout_ms: 5000,
//!     key_prefix: "eventflux:".to_string(),
//!     ttl_seconds: Some(3600),
//! };
//!
//! let store = RedisPersistenceStore::new_with_config(config)?;
//! manager.set_persistence_store(Arc::new(store));
//! # let app = "@app:name('a') CREATE STREAM S (x INT); INSERT INTO Out SELECT sum(x) AS s FROM S;";
//!
//! let runtime = manager.create_eventflux_app_runtime(app)?;
//!
//! // Persist state
//! let revision = runtime.persist()?;
//!
//! // Restore from checkpoint
//! runtime.restore_revision(&revision)?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "redis"))]
//! # fn main() {}
//! ```
//!
//! Where and how often, in one value:
//!
//! ```no_run
//! # #[cfg(feature = "redis")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use eventflux::core::distributed::{
//!     CompressionType, DistributedConfig, StateBackendConfig, StateBackendImplementation,
//! };
//! use std::time::Duration;
//!
//! let config = DistributedConfig {
//!     state_backend: StateBackendConfig {
//!         implementation: StateBackendImplementation::Redis {
//!             endpoints: vec!["redis://node1:6379".to_string()],
//!         },
//!         checkpoint_interval: Duration::from_secs(60),
//!         state_ttl: Some(Duration::from_secs(7200)),
//!         incremental_checkpoints: true,
//!         compression: CompressionType::Zstd,
//!     },
//!     ..Default::default()
//! };
//! let mut manager = eventflux::EventFluxManager::new();
//! manager.set_distributed_config(config)?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "redis"))]
//! # fn main() {}
//! ```
//!
//! Checkpoints of an app, whatever the store:
//!
//! ```
//! use eventflux::core::eventflux_manager::EventFluxManager;
//! use eventflux::core::persistence::InMemoryPersistenceStore;
//! use std::sync::Arc;
//!
//! let mut manager = EventFluxManager::new();
//! manager.set_persistence_store(Arc::new(InMemoryPersistenceStore::new()));
//! let app = "@app:name('a') CREATE STREAM S (x INT); INSERT INTO Out SELECT sum(x) AS s FROM S;";
//! let runtime = manager.create_eventflux_app_runtime(app)?;
//! runtime.start()?;
//!
//! let revision = runtime.persist()?;
//! runtime.restore_revision(&revision)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The barrier of an app, for an application that coordinates with it by hand. What the runtime does itself needs none
//! of this: its workers enter the barrier, and a restore locks it.
//!
//! ```
//! use eventflux::core::config::eventflux_app_context::EventFluxAppContext;
//! use eventflux::core::persistence::{CheckpointError, Revision, SnapshotService};
//! use eventflux::core::util::thread_barrier::ThreadBarrier;
//! # use eventflux::core::eventflux_manager::EventFluxManager;
//! # use eventflux::core::persistence::InMemoryPersistenceStore;
//! use std::sync::Arc;
//!
//! struct Application {
//!     eventflux_app_context: Arc<EventFluxAppContext>,
//! }
//!
//! impl Application {
//!     fn process(&self) {
//!         if let Some(barrier) = self.eventflux_app_context.get_thread_barrier() {
//!             barrier.enter();
//!             // Process events...
//!             barrier.exit();
//!         }
//!     }
//!
//!     fn restore(&self, service: &SnapshotService, revision: &Revision) -> Result<(), CheckpointError> {
//!         if let Some(barrier) = self.eventflux_app_context.get_thread_barrier() {
//!             barrier.lock();
//!             // Wait for active threads...
//!             service.restore_revision(revision)?;
//!             barrier.unlock();
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let ctx = Arc::new(EventFluxAppContext::new());
//! let thread_barrier = Arc::new(ThreadBarrier::new());
//! ctx.set_thread_barrier(thread_barrier);
//! # let mut manager = EventFluxManager::new();
//! # manager.set_persistence_store(Arc::new(InMemoryPersistenceStore::new()));
//! # let app = "@app:name('a') CREATE STREAM S (x INT); INSERT INTO Out SELECT sum(x) AS s FROM S;";
//! let config = eventflux::RuntimeConfig::default().context(Arc::clone(&ctx));
//! let runtime = manager.create_with(app, config)?;
//! runtime.start()?;
//! let revision = runtime.persist()?;
//! let application = Application { eventflux_app_context: ctx };
//! application.process();
//! application.restore(runtime.snapshot_service()?, &revision)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

/// Contexts of apps.
pub mod config {
    /// The context of an app.
    pub mod eventflux_app_context {
        pub use crate::runtime::config::EventFluxAppContext;
    }
}

/// Where state is kept.
pub mod distributed {
    pub use crate::checkpoint::CompressionType;
    pub use crate::distributed::{
        DistributedConfig, StateBackendConfig, StateBackendImplementation,
    };
    #[cfg(feature = "redis")]
    pub use crate::redis::{RedisConfig, RedisOptions};

    /// Keys and values of the application.
    pub mod state_backend {
        pub use crate::backend::{InMemoryBackend, StateBackend};
        #[cfg(feature = "redis")]
        pub use crate::redis::{RedisBackend, RedisConfig, RedisOptions};
    }
}

/// The handle of an app.
pub mod eventflux_app_runtime {
    pub use crate::runtime::app::handle::EventFluxAppRuntime;
}

/// What makes apps.
pub mod eventflux_manager {
    pub use crate::runtime::app::manager::EventFluxManager;
}

/// Stores of checkpoints, and what takes them.
pub mod persistence {
    #[cfg(feature = "redis")]
    pub use crate::redis::RedisPersistenceStore;
    pub use crate::runtime::checkpointing::{
        CheckpointError, PersistHandle, RestoreOptions, RestoreReport, SnapshotService,
    };
    pub use crate::runtime::config::CheckpointConfig;
    pub use crate::store::{
        FileStore as FilePersistenceStore, MemoryStore as InMemoryPersistenceStore,
        PersistenceStore, Revision, StoreError,
    };
}

/// What the runtime is built of.
pub mod util {
    /// The barrier around processing.
    pub mod thread_barrier {
        pub use crate::runtime::barrier::{LockError, LockGuard, LockOutcome, ThreadBarrier};
    }
}
