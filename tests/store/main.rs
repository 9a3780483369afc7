//! The stores of checkpoints, as their users see them: one contract for all, and what each promises beside it.

mod contract;
mod fault;
mod file;
mod folder;
mod kinds;
mod power;
mod process;
mod torn;
