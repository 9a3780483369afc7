//! The way from one producer to one worker: `ring` is the queue, of boxes that both sides swap (`atomic_box`);
//! `shipment` is what travels in it, and `stamp` what its rows say of their input; `park` and `wait` put an idle worker
//! to sleep without losing a wake-up. Of the engine the room names batches and times only; everything that has to be
//! tried under loom is generic and reaches atomics through `crate::sync`.

pub(crate) mod atomic_box;
pub(crate) mod park;
pub(crate) mod ring;
pub(crate) mod shipment;
pub(crate) mod stamp;
pub(crate) mod wait;
