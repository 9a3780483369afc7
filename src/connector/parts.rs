//! A reader of tests: a file that grows while it is read.

use std::io::{self, Read};

/// Has no more after each part, for once.
pub(crate) struct Parts(pub(crate) Vec<Vec<u8>>);

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(part) = self.0.first_mut() else {
            return Ok(0);
        };
        let n = part.len().min(buffer.len());
        buffer[..n].copy_from_slice(&part[..n]);
        part.drain(..n);
        if n == 0 {
            self.0.remove(0);
        }
        Ok(n)
    }
}
