//! A file that rows are appended to, and whose length is part of checkpoints.
//!
//! How: rows collect in a buffer under a lock and are written in pieces. The position is the length of the file with
//! what is still in the buffer; a checkpoint makes it durable before it is committed, and a restore cuts the file
//! there. So a process that was killed leaves, once it was started again, the file of one that was not.

use super::PositionedOutput;
use parking_lot::{Mutex, MutexGuard};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that are collected before they are written.
const WRITE_BYTES: usize = 64 << 10;

/// A file that grows at its end, and can go back to a length it had.
///
/// It is opened by what comes first: rows empty it, unless it keeps what it holds; a restore cuts it. A file that is
/// none (a pipe, a device) is written like one, and does not go back.
#[derive(Debug)]
pub struct FileOutput {
    path: PathBuf,
    keep: bool,
    header: Vec<u8>,
    written: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Written {
    file: Option<Arc<File>>,
    /// It can be cut.
    regular: bool,
    /// Its length when it was opened without a restore.
    base: u64,
    /// Bytes in the file.
    length: u64,
    /// Bytes that are not in the file yet.
    text: Vec<u8>,
    /// The folder knows the file.
    listed: bool,
    /// Why bytes are missing from the file.
    lost: Option<String>,
}

impl Written {
    fn position(&self) -> u64 {
        self.length + self.text.len() as u64
    }
}

impl FileOutput {
    /// A file that begins with `header`; `keep` leaves what it holds. It is not opened yet.
    pub fn new(path: impl Into<PathBuf>, header: Vec<u8>, keep: bool) -> Self {
        FileOutput {
            path: path.into(),
            keep,
            header,
            written: Mutex::default(),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file, unless it is open: emptied, unless it keeps what it holds.
    pub fn open(&self) -> io::Result<()> {
        self.opened(!self.keep).map(drop)
    }

    /// Adds what `encode` appends. Cost: a write of the system every 64 KiB.
    pub fn append(&self, encode: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut written = self.opened(!self.keep)?;
        encode(&mut written.text);
        match written.text.len() >= WRITE_BYTES {
            true => write(&mut written),
            false => Ok(()),
        }
    }

    /// Writes what is collected. Bytes that cannot be written are lost; checkpoints fail from then on.
    pub fn flush(&self) -> io::Result<()> {
        write(&mut *self.opened(!self.keep)?)
    }

    fn opened(&self, empty: bool) -> io::Result<MutexGuard<'_, Written>> {
        let mut written = self.written.lock();
        if written.file.is_none() {
            let mut options = OpenOptions::new();
            // Where a file keeps what it holds, others may append to it, too.
            let options = match self.keep {
                true => options.append(true),
                false => options.write(true).truncate(empty),
            };
            let file = options.create(true).open(&self.path)?;
            let about = file.metadata()?;
            written.regular = about.is_file();
            written.length = if about.is_file() { about.len() } else { 0 };
            written.base = written.length;
            written.file = Some(Arc::new(file));
            self.begin(&mut written);
        }
        Ok(written)
    }

    /// An empty file begins with its header.
    fn begin(&self, written: &mut Written) {
        if written.position() == 0 {
            written.text.extend_from_slice(&self.header);
        }
    }

    fn cut(&self, to: u64) -> io::Result<()> {
        let mut written = self.opened(false)?;
        written.text.clear();
        let Some(file) = written.file.clone().filter(|_| written.regular) else {
            return Ok(());
        };
        file.set_len(to)?;
        // Without O_APPEND the next write goes to where the last one ended.
        io::Seek::seek(&mut &*file, io::SeekFrom::Start(to))?;
        written.length = to;
        written.lost = None;
        self.begin(&mut written);
        Ok(())
    }

    fn told(&self, error: &io::Error) -> String {
        self.lost(&error.to_string())
    }

    fn lost(&self, why: &str) -> String {
        format!("{}: {why}", self.path.display())
    }

    /// Where a revision that knows nothing of the file lets it begin.
    fn unknown(&self) -> Result<u64, String> {
        if self.written.lock().file.is_some() {
            return Ok(self.written.lock().base);
        }
        match std::fs::metadata(&self.path) {
            Ok(about) if about.is_file() && about.len() > 0 && !self.keep => Err(format!(
                "{} holds {} bytes of which the revision knows nothing: move it away",
                self.path.display(),
                about.len()
            )),
            Ok(about) => Ok(if about.is_file() { about.len() } else { 0 }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(e) => Err(self.told(&e)),
        }
    }

    /// The position of a revision, if the file reaches it.
    fn reached(&self, position: &[u8]) -> Result<u64, String> {
        let text = std::str::from_utf8(position).ok();
        let to: u64 = text.and_then(|t| t.parse().ok()).ok_or_else(|| {
            let name = self.path.display();
            format!("{name}: the revision holds no length of a file")
        })?;
        let length = match std::fs::metadata(&self.path) {
            Ok(about) if !about.is_file() => return Ok(to),
            Ok(about) => about.len(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
            Err(e) => return Err(self.told(&e)),
        };
        // What is not written yet counts: it would be cut or written again.
        let unwritten = self.written.lock().text.len() as u64;
        if length.saturating_add(unwritten) < to {
            return Err(format!(
                "{} has {length} bytes, and the revision was taken when it had {to}: it is not the file of that run",
                self.path.display()
            ));
        }
        Ok(to)
    }
}

fn write(written: &mut Written) -> io::Result<()> {
    let Some(file) = written.file.clone() else {
        return Ok(());
    };
    let done = (&*file).write_all(&written.text);
    match &done {
        Ok(()) => written.length += written.text.len() as u64,
        Err(e) => written.lost = Some(e.to_string()),
    }
    written.text.clear();
    done
}

impl PositionedOutput for FileOutput {
    fn position(&self) -> Result<Vec<u8>, String> {
        let written = self.opened(!self.keep).map_err(|e| self.told(&e))?;
        match &written.lost {
            None => Ok(written.position().to_string().into_bytes()),
            Some(why) => Err(self.lost(why)),
        }
    }

    fn sync(&self) -> Result<(), String> {
        let (file, listed) = {
            let mut written = self.opened(!self.keep).map_err(|e| self.told(&e))?;
            write(&mut written).map_err(|e| self.told(&e))?;
            // rows that came since the position was taken may have lost what it counts
            if let Some(why) = &written.lost {
                return Err(self.lost(why));
            }
            let regular = written.regular;
            let file = written.file.clone().filter(|_| regular);
            (file, std::mem::replace(&mut written.listed, true))
        };
        // Outside the lock: rows go on while the disk works.
        let Some(file) = file else { return Ok(()) };
        let synced = file.sync_data().and_then(|()| match listed {
            true => Ok(()),
            false => sync_folder(&self.path),
        });
        synced.map_err(|e| {
            self.written.lock().listed = false;
            self.told(&e)
        })
    }

    fn rewind(&self, position: Option<&[u8]>) -> Result<(), String> {
        let to = match position {
            Some(position) => self.reached(position)?,
            None => self.unknown()?,
        };
        if self.written.lock().file.is_some() {
            // All of it, so that a position within what was not written is in the file.
            self.flush().map_err(|e| self.told(&e))?;
        }
        self.cut(to).map_err(|e| self.told(&e))
    }
}

/// Makes the name of a new file durable, where folders can be opened.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    match File::open(folder.unwrap_or(Path::new("."))) {
        Ok(folder) if cfg!(unix) => folder.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
