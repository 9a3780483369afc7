//! How far named inputs have come, apart from whoever sends their rows and whoever applies them: `named` is the record
//! of a name, `published` how far it was sent. Both ends of a lane name this room, and so do checkpoints; it names
//! neither.

pub(crate) mod named;
pub(crate) mod published;
