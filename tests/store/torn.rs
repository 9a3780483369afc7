//! A disk in memory that remembers what was asked of it, and tells all states that a power loss could leave.
//!
//! The model is weaker than any real file system: until a file is synced its new bytes may be lost, half there or
//! followed by garbage, and until a folder is synced each name made, moved or removed in it may be there or not, in any
//! combination.

use eventflux::store::{Disk, DiskFile, Mode};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Paths and contents; `None` for a folder.
pub type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// One call that changes something.
#[derive(Clone, Debug)]
pub enum Step {
    CreateDir(PathBuf),
    /// A new file; its number.
    Create(PathBuf, usize),
    Write(usize, u64, Vec<u8>),
    Sync(usize, PathBuf),
    Rename(PathBuf, PathBuf, usize),
    Remove(PathBuf),
    SyncDir(PathBuf),
    /// A step that a test took out.
    Nothing,
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Dir,
    File(usize),
}

#[derive(Default)]
struct State {
    names: BTreeMap<PathBuf, Node>,
    files: Vec<Vec<u8>>,
    locks: BTreeSet<PathBuf>,
    log: Vec<Step>,
    calls: usize,
    fail: Option<(usize, ErrorKind)>,
    /// Steps in the log when the call failed.
    failed_after: usize,
}

/// The disk; clones are the same one.
#[derive(Clone, Default)]
pub struct TornDisk(Arc<Mutex<State>>);

struct OpenFile {
    disk: TornDisk,
    path: PathBuf,
    number: usize,
}

/// A locked file; its content is of no interest after a power loss.
struct LockFile {
    disk: TornDisk,
    path: PathBuf,
}

impl TornDisk {
    /// A disk that starts with a tree, all of it durable.
    pub fn boot(tree: Tree) -> TornDisk {
        let mut state = State::default();
        for (path, content) in tree {
            let node = match content {
                None => Node::Dir,
                Some(bytes) => {
                    state.files.push(bytes);
                    Node::File(state.files.len() - 1)
                }
            };
            state.names.insert(path, node);
        }
        TornDisk(Arc::new(Mutex::new(state)))
    }

    /// What was done so far.
    pub fn log(&self) -> Vec<Step> {
        self.0.lock().unwrap().log.clone()
    }

    /// How many calls were made that may fail.
    pub fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    /// Makes the `k`-th call, counted from 1, fail once.
    pub fn fail(&self, k: usize, kind: ErrorKind) {
        self.0.lock().unwrap().fail = Some((k, kind));
    }

    /// Steps in the log when the call failed that was to fail.
    pub fn failed_after(&self) -> usize {
        self.0.lock().unwrap().failed_after
    }

    fn change<R>(&self, f: impl FnOnce(&mut State) -> io::Result<R>) -> io::Result<R> {
        let mut state = self.0.lock().unwrap();
        state.calls += 1;
        match state.fail {
            Some((k, kind)) if k == state.calls => {
                state.failed_after = state.log.len();
                Err(kind.into())
            }
            _ => f(&mut state),
        }
    }
}

impl State {
    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(number)) => Ok(*number),
            Some(Node::Dir) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }
}

impl Disk for TornDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.change(|s| {
            if !s.names.contains_key(path) {
                s.names.insert(path.to_path_buf(), Node::Dir);
                s.log.push(Step::CreateDir(path.to_path_buf()));
            }
            Ok(())
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.0.lock().unwrap();
        if dir != Path::new("/") && !state.names.contains_key(dir) {
            return Err(ErrorKind::NotFound.into());
        }
        let inside = state.names.keys().filter(|p| p.parent() == Some(dir));
        let name = |p: &PathBuf| p.file_name().unwrap().to_str().unwrap().to_string();
        Ok(inside.map(name).collect())
    }

    fn is_link(&self, _path: &Path) -> io::Result<bool> {
        Ok(false)
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        let open = |s: &mut State| match (s.file(path), mode) {
            (Ok(number), Mode::Read | Mode::Write) => Ok(number),
            (Err(e), Mode::Read) => Err(e),
            _ => {
                let number = s.files.len();
                s.files.push(Vec::new());
                s.names.insert(path.to_path_buf(), Node::File(number));
                s.log.push(Step::Create(path.to_path_buf(), number));
                Ok(number)
            }
        };
        let number = match mode {
            Mode::Read => open(&mut self.0.lock().unwrap())?,
            _ => self.change(open)?,
        };
        Ok(Box::new(OpenFile {
            disk: self.clone(),
            path: path.to_path_buf(),
            number,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|s| {
            let number = s.file(from)?;
            s.names.remove(from);
            s.names.insert(to.to_path_buf(), Node::File(number));
            let step = Step::Rename(from.to_path_buf(), to.to_path_buf(), number);
            s.log.push(step);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(|s| {
            s.file(path)?;
            s.names.remove(path);
            s.log.push(Step::Remove(path.to_path_buf()));
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(|s| {
            s.log.push(Step::SyncDir(dir.to_path_buf()));
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskFile>>> {
        let mut state = self.0.lock().unwrap();
        if !state.locks.insert(path.to_path_buf()) {
            return Ok(None);
        }
        Ok(Some(Box::new(LockFile {
            disk: self.clone(),
            path: path.to_path_buf(),
        })))
    }
}

impl DiskFile for OpenFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.0.lock().unwrap().files[self.number].len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let state = self.disk.0.lock().unwrap();
        let from = usize::try_from(offset).unwrap();
        let found = state.files[self.number].get(from..from + buffer.len());
        buffer.copy_from_slice(found.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.change(|s| {
            overwrite(&mut s.files[self.number], offset, bytes);
            s.log.push(Step::Write(self.number, offset, bytes.to_vec()));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.change(|s| {
            s.log.push(Step::Sync(self.number, self.path.clone()));
            Ok(())
        })
    }
}

impl DiskFile for LockFile {
    fn length(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn read_at(&self, _offset: u64, _buffer: &mut [u8]) -> io::Result<()> {
        Err(ErrorKind::UnexpectedEof.into())
    }

    fn write_at(&self, _offset: u64, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        self.disk.0.lock().unwrap().locks.remove(&self.path);
    }
}

fn overwrite(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let from = usize::try_from(offset).unwrap();
    let end = from + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[from..end].copy_from_slice(bytes);
}

/// What may have become of the bytes that were not synced.
#[derive(Clone, Copy)]
enum Fate {
    Lost,
    Written,
    /// The first half of what was written since the last sync.
    Half,
    /// As long as it was, garbage behind the first half.
    Garbage,
    /// Written in one file, lost in the next.
    Alternate(usize),
}

const FATES: [Fate; 6] = [
    Fate::Lost,
    Fate::Written,
    Fate::Half,
    Fate::Garbage,
    Fate::Alternate(0),
    Fate::Alternate(1),
];

/// Follows a log and tells, after each step, what a power loss could leave.
#[derive(Default)]
pub struct PowerLoss {
    durable_names: BTreeMap<PathBuf, Node>,
    pending_names: Vec<Step>,
    durable_bytes: BTreeMap<usize, Vec<u8>>,
    pending_bytes: BTreeMap<usize, Vec<(u64, Vec<u8>)>>,
}

impl PowerLoss {
    /// Begins with what is durable.
    pub fn after(tree: Tree) -> PowerLoss {
        let mut loss = PowerLoss::default();
        // numbered as `TornDisk::boot` does
        for (path, content) in tree {
            let number = loss.durable_bytes.len();
            let node = match content {
                None => Node::Dir,
                Some(bytes) => {
                    loss.durable_bytes.insert(number, bytes);
                    Node::File(number)
                }
            };
            loss.durable_names.insert(path, node);
        }
        loss
    }

    /// The state when all of it has become durable.
    pub fn settled(&self) -> Tree {
        let mut names = self.durable_names.clone();
        self.pending_names.iter().for_each(|s| apply(&mut names, s));
        self.tree(&names, Fate::Written)
    }

    /// Goes on by one step.
    pub fn step(&mut self, step: &Step) {
        match step {
            Step::Nothing => {}
            Step::Write(file, offset, bytes) => {
                let pending = self.pending_bytes.entry(*file).or_default();
                pending.push((*offset, bytes.clone()));
            }
            Step::Sync(file, _) => {
                let durable = self.durable_bytes.entry(*file).or_default();
                for (offset, bytes) in self.pending_bytes.remove(file).unwrap_or_default() {
                    overwrite(durable, offset, &bytes);
                }
            }
            Step::SyncDir(dir) => {
                let inside = |s: &Step| folder_of(s) == Some(dir);
                let (done, open) = self.pending_names.drain(..).partition(inside);
                self.pending_names = open;
                let done: Vec<Step> = done;
                done.iter().for_each(|s| apply(&mut self.durable_names, s));
            }
            _ => self.pending_names.push(step.clone()),
        }
    }

    /// All states, some of them more than once.
    pub fn states(&self) -> Vec<Tree> {
        let count = self.pending_names.len();
        let all = (1_u64 << count) - 1;
        // all combinations of a few; of many, those where the first ones, all but one, or a single one happened
        let masks: BTreeSet<u64> = match count {
            0..=6 => (0..=all).collect(),
            _ => (0..count)
                .flat_map(|i| [1 << i, all & !(1 << i), (1 << i) - 1])
                .chain([all])
                .collect(),
        };
        let mut states = Vec::new();
        for mask in masks {
            let mut names = self.durable_names.clone();
            for (i, step) in self.pending_names.iter().enumerate() {
                if mask & (1 << i) != 0 {
                    apply(&mut names, step);
                }
            }
            states.extend(FATES.map(|fate| self.tree(&names, fate)));
        }
        states
    }

    fn tree(&self, names: &BTreeMap<PathBuf, Node>, fate: Fate) -> Tree {
        let mut tree = Tree::new();
        for (path, node) in names {
            let parent = path.parent().unwrap();
            if parent != Path::new("/") && !tree.contains_key(parent) {
                continue;
            }
            let content = match node {
                Node::Dir => None,
                Node::File(file) => Some(self.bytes(*file, fate)),
            };
            tree.insert(path.clone(), content);
        }
        tree
    }

    fn bytes(&self, file: usize, fate: Fate) -> Vec<u8> {
        let mut bytes = self.durable_bytes.get(&file).cloned().unwrap_or_default();
        let pending = self.pending_bytes.get(&file).cloned().unwrap_or_default();
        let total: usize = pending.iter().map(|(_, b)| b.len()).sum();
        let mut good = match fate {
            Fate::Lost => return bytes,
            Fate::Alternate(which) if file % 2 != which => return bytes,
            Fate::Written | Fate::Alternate(_) => total,
            Fate::Half | Fate::Garbage => total / 2,
        };
        for (offset, part) in pending {
            let (first, rest) = part.split_at(good.min(part.len()));
            overwrite(&mut bytes, offset, first);
            good -= first.len();
            if matches!(fate, Fate::Garbage) {
                let garbage = vec![0xDB; rest.len()];
                overwrite(&mut bytes, offset + first.len() as u64, &garbage);
            }
        }
        bytes
    }
}

fn folder_of(step: &Step) -> Option<&Path> {
    match step {
        Step::CreateDir(path) | Step::Create(path, _) | Step::Remove(path) => path.parent(),
        Step::Rename(_, to, _) => to.parent(),
        _ => None,
    }
}

fn apply(names: &mut BTreeMap<PathBuf, Node>, step: &Step) {
    match step {
        Step::CreateDir(path) => drop(names.insert(path.clone(), Node::Dir)),
        Step::Create(path, file) => drop(names.insert(path.clone(), Node::File(*file))),
        Step::Remove(path) => drop(names.remove(path)),
        Step::Rename(from, to, file) => {
            names.remove(from);
            names.insert(to.clone(), Node::File(*file));
        }
        _ => {}
    }
}
