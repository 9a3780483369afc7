//! Which file it is, whatever its name: its place on its device, and a digest of its first bytes.
//!
//! A name says little: logs are renamed and begun anew, daily files come under one name. An inode says little, too: it
//! is used again, and a copy has another. The first bytes of what was read do not change while a file grows.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::str::FromStr;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of the head that are looked at.
const HEAD_BYTES: u64 = 4096;

/// What is known of a file that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
    head: u64,
    /// Bytes of which `head` is the digest.
    head_len: u64,
}

/// What a file is, compared with one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The same place and the same first bytes.
    Same,
    /// Another place, and the same first bytes: a copy.
    Copy,
    /// Other first bytes, or fewer.
    Other,
}

impl FileIdentity {
    /// Of a file up to byte `read`; `None` where it is none, but a pipe or a device. The file stays where it stands.
    pub fn of(file: &File, read: u64) -> io::Result<Option<Self>> {
        let about = file.metadata()?;
        if !about.is_file() {
            return Ok(None);
        }
        let (device, inode) = place(&about);
        let head = head(file, read)?;
        Ok(Some(FileIdentity {
            device,
            inode,
            head: xxh3_64(&head),
            head_len: head.len() as u64,
        }))
    }

    /// As [`FileIdentity::of`] now that more was read; nothing is read again once the head is whole. What was written
    /// anew in place has not grown: it stays another file than the one that was read.
    pub fn grown(self, file: &File, read: u64) -> io::Result<Self> {
        if self.head_len >= HEAD_BYTES || self.head_len >= read {
            return Ok(self);
        }
        let head = head(file, read)?;
        let known = head.get(..self.head_len as usize);
        Ok(
            match known.is_some_and(|known| xxh3_64(known) == self.head) {
                true => FileIdentity {
                    head: xxh3_64(&head),
                    head_len: head.len() as u64,
                    ..self
                },
                false => self,
            },
        )
    }

    /// Whether a file is the one that was read.
    pub fn compare(&self, file: &File) -> io::Result<Likeness> {
        let about = file.metadata()?;
        if !about.is_file()
            || about.len() < self.head_len
            || xxh3_64(&head(file, self.head_len)?) != self.head
        {
            return Ok(Likeness::Other);
        }
        Ok(match self.is_at(&about) {
            true => Likeness::Same,
            false => Likeness::Copy,
        })
    }

    /// Whether that is the place of the file, whatever it holds.
    pub fn is_at(&self, about: &Metadata) -> bool {
        place(about) == (self.device, self.inode)
    }
}

/// Device and inode, where the system has them.
#[cfg(unix)]
fn place(about: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (about.dev(), about.ino())
}

#[cfg(not(unix))]
fn place(_about: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// The first bytes of a file, so many or [`HEAD_BYTES`]. It stays where it stands.
fn head(mut file: &File, bytes: u64) -> io::Result<Vec<u8>> {
    let stood = file.stream_position()?;
    file.rewind()?;
    let mut head = Vec::new();
    let read = file.take(bytes.min(HEAD_BYTES)).read_to_end(&mut head);
    file.seek(SeekFrom::Start(stood))?;
    read.map(|_| head)
}

impl fmt::Display for FileIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FileIdentity {
            device,
            inode,
            head,
            head_len,
        } = self;
        write!(f, "{device:x}.{inode:x}.{head_len:x}.{head:x}")
    }
}

impl FromStr for FileIdentity {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('.');
        let mut next = || u64::from_str_radix(parts.next().unwrap_or(""), 16);
        let (device, inode, head_len, head) = (next()?, next()?, next()?, next()?);
        Ok(FileIdentity {
            device,
            inode,
            head,
            head_len,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflux_testbed::Scratch;
    use std::fs;

    #[test]
    fn a_file_is_known_by_its_head_and_its_place() {
        let folder = Scratch::new().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let open = |name: &str| File::open(path(name)).expect("a file");
        fs::write(path("a"), "one\ntwo\nthr").expect("written");
        let file = open("a");
        let identity = FileIdentity::of(&file, 8)
            .expect("readable")
            .expect("a file");
        assert_eq!((&file).stream_position().expect("a file"), 0);
        assert_eq!(identity.to_string().parse(), Ok(identity));
        assert!("1.2.3".parse::<FileIdentity>().is_err());
        let compare = |name: &str| identity.compare(&open(name)).expect("readable");
        fs::write(path("a"), "one\ntwo\nthree\nfour\n").expect("it grows");
        fs::copy(path("a"), path("copy")).expect("copied");
        fs::hard_link(path("a"), path("link")).expect("linked");
        fs::write(path("other"), "one\nTWO\nthree\n").expect("written");
        assert_eq!(compare("a"), Likeness::Same);
        if cfg!(unix) {
            assert_eq!(compare("link"), Likeness::Same);
            assert_eq!(compare("copy"), Likeness::Copy);
        }
        assert_eq!(compare("other"), Likeness::Other);
        let grown = identity.grown(&file, 19).expect("readable");
        assert_ne!(grown, identity);
        assert_eq!(grown.compare(&file).expect("readable"), Likeness::Same);
        // Written anew in place, and longer: no look between the two saw it shorter.
        fs::write(path("a"), "ONE\ntwo\nthree\nfour\nfive\n").expect("written anew");
        assert_eq!(identity.grown(&file, 24).expect("readable"), identity);
        assert_eq!(compare("a"), Likeness::Other);
        fs::write(path("a"), "one\n").expect("cut");
        assert_eq!(identity.grown(&file, 24).expect("readable"), identity);
        assert_eq!(compare("a"), Likeness::Other);
    }
}
