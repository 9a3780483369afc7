//! The format of checkpoints on disk: files of every version, damage of every kind, hostile content, sizes.

mod attributes;
mod compression;
mod contents;
mod damage;
mod difference;
mod fixtures;
mod hostile;
mod sample;
mod sizes;
mod verify;
