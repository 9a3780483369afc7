//! The stores of checkpoints, as their users see them: one contract for all, and what each promises beside it.

mod contract;
mod copies;
mod fault;
mod file;
mod folder;
mod kinds;
#[cfg(unix)]
mod links;
mod power;
mod process;
mod torn;
