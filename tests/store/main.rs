//! The stores of checkpoints, as their users see them: one contract for all, and what each promises beside it.

mod contract;
mod copies;
mod fault;
#[allow(dead_code, reason = "it is shared, and each program uses a part")]
#[path = "../common/fault_store.rs"]
mod fault_store;
mod file;
mod folder;
mod kinds;
#[cfg(unix)]
mod links;
mod power;
mod process;
mod torn;
