//! How far named inputs have come, apart from whoever sends their rows and whoever applies them: `named` is the record
//! of a name, `published` how far it was sent, `input_position` what a checkpoint keeps of it. Both ends of a lane name
//! this room, and so do checkpoints; it names no more than what rows on a lane say of their input.

pub(crate) mod input_position;
pub(crate) mod named;
pub(crate) mod published;
