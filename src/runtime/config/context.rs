//! What an app shows of itself to those who coordinate with it.

use crate::runtime::barrier::ThreadBarrier;
use parking_lot::Mutex;
use std::sync::Arc;

/// The context of an app: its barrier.
///
/// [`EventFluxAppRuntime::eventflux_app_context`](crate::EventFluxAppRuntime::eventflux_app_context) answers the one
/// of an app. One that is made before goes into [`RuntimeConfig::context`](crate::RuntimeConfig::context); the workers
/// of the app then enter the barrier that was set. Apps that are given the same context share its barrier: a lock
/// stops all of them.
///
/// ```
/// use eventflux::{EventFluxAppContext, EventFluxManager, RuntimeConfig, ThreadBarrier};
/// use std::sync::Arc;
///
/// let ctx = Arc::new(EventFluxAppContext::new());
/// let thread_barrier = Arc::new(ThreadBarrier::new());
/// ctx.set_thread_barrier(Arc::clone(&thread_barrier));
///
/// let app = "CREATE STREAM S (x INT); INSERT INTO Out SELECT x FROM S;";
/// let config = RuntimeConfig::default().context(ctx);
/// let runtime = EventFluxManager::new().create_with(app, config)?;
/// let barrier = runtime.eventflux_app_context().get_thread_barrier().expect("it has one");
/// assert!(Arc::ptr_eq(&barrier, &thread_barrier));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct EventFluxAppContext {
    barrier: Mutex<Barrier>,
}

#[derive(Debug, Default)]
struct Barrier {
    barrier: Option<Arc<ThreadBarrier>>,
    /// Workers enter it.
    in_use: bool,
}

impl EventFluxAppContext {
    /// A context without a barrier: the app that is given it brings one.
    pub fn new() -> Self {
        EventFluxAppContext::default()
    }

    /// The barrier; there is one from the creation of the app on.
    pub fn get_thread_barrier(&self) -> Option<Arc<ThreadBarrier>> {
        self.barrier.lock().barrier.clone()
    }

    /// Sets the barrier. Returns false, and changes nothing, once an app was created with this context: its workers
    /// stay with the barrier that they have.
    pub fn set_thread_barrier(&self, barrier: Arc<ThreadBarrier>) -> bool {
        let mut own = self.barrier.lock();
        if !own.in_use {
            own.barrier = Some(barrier);
        }
        !own.in_use
    }

    /// The barrier for the workers of an app, now and for good.
    pub(crate) fn use_barrier(&self) -> Arc<ThreadBarrier> {
        let mut own = self.barrier.lock();
        own.in_use = true;
        Arc::clone(own.barrier.get_or_insert_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_in_use_is_not_replaced() {
        let context = EventFluxAppContext::new();
        assert!(context.get_thread_barrier().is_none());
        let first = Arc::new(ThreadBarrier::new());
        assert!(context.set_thread_barrier(Arc::new(ThreadBarrier::new())));
        assert!(context.set_thread_barrier(Arc::clone(&first)));
        assert!(Arc::ptr_eq(&context.use_barrier(), &first));
        assert!(!context.set_thread_barrier(Arc::new(ThreadBarrier::new())));
        let barrier = context.get_thread_barrier();
        assert!(barrier.is_some_and(|barrier| Arc::ptr_eq(&barrier, &first)));
    }
}
