//! Where a source stands in its file: what checkpoints keep of it.

use crate::connector::FileIdentity;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::str::FromStr;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Lines before.
    pub(super) line: u64,
    /// Bytes before, and which file it is; not known where it is none, and of revisions before this was kept.
    pub(super) within: Option<(u64, FileIdentity)>,
    /// The name of the file, where it is one of several.
    pub(super) name: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.line)?;
        match self.within {
            Some((offset, identity)) => write!(f, " {offset} {identity}")?,
            None => return Ok(()),
        }
        match &self.name {
            Some(name) => write!(f, " {name}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(4, ' ');
        let line = parts.next().and_then(|l| l.parse().ok()).ok_or(())?;
        let (offset, identity) = (parts.next(), parts.next());
        let name = parts.next().map(str::to_string);
        let within = match (offset, identity) {
            (None, _) => None,
            (Some(offset), Some(identity)) => Some((
                offset.parse().map_err(drop)?,
                identity.parse().map_err(drop)?,
            )),
            _ => return Err(()),
        };
        Ok(Place { line, within, name })
    }
}

/// Sets a file to where its next line begins, at `offset` or behind a line end that stands there; `false` where the
/// file does not reach so far, or no line ends there.
pub fn seek_line(mut file: &File, offset: u64) -> io::Result<Option<u64>> {
    if offset == 0 {
        return file.rewind().map(|()| Some(0));
    }
    file.seek(SeekFrom::Start(offset - 1))?;
    let mut around = Vec::new();
    file.take(3).read_to_end(&mut around)?;
    // A last line may have been taken without its end.
    let begins = match around.as_slice() {
        [] => return Ok(None),
        [b'\n', ..] | [_] => offset,
        [_, b'\n', ..] => offset + 1,
        [_, b'\r', b'\n'] => offset + 2,
        _ => return Ok(None),
    };
    file.seek(SeekFrom::Start(begins)).map(Some)
}
