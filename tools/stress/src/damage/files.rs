//! A store in a folder, whose files are damaged.

use super::Medium;
use super::app::NAME;
use super::bytes::damaged;
use crate::failure::Failure;
use eventflux::store::{FileStore, PersistenceStore};
use eventflux_kit::Random;
use eventflux_testbed::Scratch;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Files = BTreeMap<String, Vec<u8>>;

/// The folder, its files as they were written, and as they are damaged.
pub struct InFiles {
    folder: Scratch,
    whole: Files,
    damaged: Files,
}

impl InFiles {
    pub fn new() -> Result<InFiles, Failure> {
        Ok(InFiles {
            folder: Scratch::new()?,
            whole: Files::new(),
            damaged: Files::new(),
        })
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join(NAME)
    }
}

/// The files of a folder, with their bytes.
fn read(dir: &Path) -> Result<Files, Failure> {
    let mut files = Files::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(files)
}

impl Medium for InFiles {
    fn store(&self) -> Result<Arc<dyn PersistenceStore>, Failure> {
        Ok(Arc::new(FileStore::open(self.folder.path())?))
    }

    fn keep(&mut self) -> Result<(), Failure> {
        self.whole = read(&self.dir())?;
        Ok(())
    }

    fn damage(&mut self, random: &mut Random) -> Result<String, Failure> {
        self.damaged = self.whole.clone();
        let names: Vec<&String> = self.whole.keys().collect();
        let all: Vec<Vec<u8>> = self.whole.values().cloned().collect();
        let mut told = Vec::new();
        // now and then two files, as both copies of the catalogue
        for _ in 0..=u64::from(random.below(5) == 0) {
            let (name, other) = (*random.pick(&names), *random.pick(&names));
            if random.below(12) == 0 {
                told.push(format!("{name} and {other} swapped"));
                self.damaged.insert(name.clone(), self.whole[other].clone());
                self.damaged.insert(other.clone(), self.whole[name].clone());
                continue;
            }
            let (how, bytes) = damaged(random, &self.whole[name], &all);
            told.push(format!("{name}: {how}"));
            match bytes {
                Some(bytes) => self.damaged.insert(name.clone(), bytes),
                None => self.damaged.remove(name),
            };
        }
        self.again()?;
        Ok(told.join(", "))
    }

    fn again(&mut self) -> Result<(), Failure> {
        let dir = self.dir();
        fs::remove_dir_all(&dir)?;
        fs::create_dir(&dir)?;
        for (name, bytes) in &self.damaged {
            fs::write(dir.join(name), bytes)?;
        }
        Ok(())
    }

    fn can_be_written(&self) -> bool {
        true
    }

    fn lost(&self, aside: &str) -> Result<Vec<String>, Failure> {
        let kept = read(Path::new(aside))?;
        let files = self.damaged.iter();
        let lost = files.filter(|(name, bytes)| *name != "lock" && kept.get(*name) != Some(bytes));
        Ok(lost.map(|(name, _)| name.clone()).collect())
    }
}
