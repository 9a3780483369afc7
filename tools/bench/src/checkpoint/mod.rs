//! What checkpoints cost: those who wait for a cut, the rows that flow meanwhile, the bytes, and the way back.
//!
//! All questions ask one app: GROUP BY a LONG key with a count and a sum. `rig` runs it with a store, sends rows that
//! change a known number of groups per checkpoint, and proves the answer: an app restored from the store goes on
//! with the right totals, or the question fails.

mod full;
mod growth;
mod meter;
mod pause;
mod restore;
mod rig;
mod sends;
mod sizes;
mod steady;
mod table;
mod throughput;

pub use full::{lz4, none, zstd};
pub use growth::growth;
pub use pause::{inline, pause_1m, pause_10k, pause_10x, pause_100k};
pub use restore::{file_1m, file_1m_2to1, file_10m, memory_1m, restore_once, write_chain};
pub use rig::{NAME, Rig, Store, build};
pub use sends::sends;
pub use sizes::{base_bytes, delta_bytes, manifest_bytes};
pub use steady::{memory, soak};
pub use table::{pause_runs, pause_table, query_beside, query_by_key};
pub use throughput::{pass, throughput_1m, throughput_100k, version_check};
