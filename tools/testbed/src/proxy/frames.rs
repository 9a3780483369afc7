//! Where the requests and replies of a RESP stream begin and end.

/// No command has a longer name; what is longer is not recorded.
const NAME_MAX: usize = 64;
/// A longer line is no RESP; it is passed on all the same.
const LINE_MAX: usize = 64 * 1024;

/// A request or reply that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its first byte.
    pub(super) kind: u8,
    /// Its first bulk string, or the first word of an inline request, in capitals.
    pub(super) name: String,
}

/// Follows a stream in pieces of any length, RESP2 and RESP3.
#[derive(Default)]
pub(super) struct Frames {
    kind: Option<u8>,
    line: Vec<u8>,
    /// Bytes of a bulk string that are still to come, with its line end.
    body: u64,
    /// Values that are still to come, of each array that is open.
    open: Vec<u64>,
    name: Vec<u8>,
    named: bool,
}

impl Frames {
    /// Whether the next byte begins a frame.
    pub(super) fn at_start(&self) -> bool {
        self.kind.is_none()
    }

    /// Reads until a frame ends or the bytes do; answers how many bytes those were.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> (usize, Option<Frame>) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            self.kind.get_or_insert(byte);
            let ended = if self.body > 0 {
                let taken = usize::try_from(self.body).unwrap_or(usize::MAX);
                let (body, after) = rest.split_at(taken.min(rest.len()));
                rest = after;
                self.take(body)
            } else {
                rest = &rest[1..];
                self.line_byte(byte)
            };
            if ended {
                return (bytes.len() - rest.len(), Some(self.finish()));
            }
        }
        (bytes.len(), None)
    }

    fn take(&mut self, body: &[u8]) -> bool {
        if !self.named {
            let room = NAME_MAX - self.name.len();
            self.name.extend_from_slice(&body[..body.len().min(room)]);
        }
        self.body -= body.len() as u64;
        if self.body > 0 {
            return false;
        }
        self.named = true;
        self.value_ends()
    }

    fn line_byte(&mut self, byte: u8) -> bool {
        if byte != b'\n' {
            if self.line.len() < LINE_MAX {
                self.line.push(byte);
            }
            return false;
        }
        let line = std::mem::take(&mut self.line);
        let line = line.trim_ascii_end();
        let (kind, rest) = line.split_first().unwrap_or((&b'\n', &[]));
        let number = str::from_utf8(rest)
            .ok()
            .and_then(|r| r.parse::<u64>().ok());
        match (kind, number) {
            (b'$' | b'!' | b'=', Some(length)) => self.body = length.saturating_add(2),
            (b'*' | b'~' | b'>', Some(count @ 1..)) => self.open.push(count),
            (b'%', Some(count @ 1..)) => self.open.push(count.saturating_mul(2)),
            // attributes, and the value that they are about
            (b'|', Some(count)) => self.open.push(count.saturating_mul(2).saturating_add(1)),
            _ => {
                if !self.named && kind.is_ascii_alphabetic() {
                    let word = line.split(u8::is_ascii_whitespace).next().unwrap_or(&[]);
                    self.name = word[..word.len().min(NAME_MAX)].to_vec();
                    self.named = true;
                }
                return self.value_ends();
            }
        }
        false
    }

    /// Whether the frame ends with this value.
    fn value_ends(&mut self) -> bool {
        while let Some(open) = self.open.last_mut() {
            *open -= 1;
            if *open > 0 {
                return false;
            }
            self.open.pop();
        }
        true
    }

    fn finish(&mut self) -> Frame {
        let ended = std::mem::take(self);
        let name = String::from_utf8_lossy(&ended.name);
        Frame {
            kind: ended.kind.unwrap_or(b'\n'),
            name: name.trim_end().to_uppercase(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(stream: &[u8], piece: usize) -> Vec<(u8, String)> {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for mut rest in stream.chunks(piece) {
            while !rest.is_empty() {
                let (used, frame) = frames.advance(rest);
                found.extend(frame.map(|f| (f.kind, f.name)));
                rest = &rest[used..];
            }
        }
        assert!(frames.at_start(), "all frames ended");
        found
    }

    #[test]
    fn requests_are_found_in_pieces_of_any_length() {
        let stream =
            b"*2\r\n$3\r\nget\r\n$1\r\nk\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n";
        for piece in [1, 2, 3, 7, 1000] {
            let names: Vec<String> = frames(stream, piece).into_iter().map(|f| f.1).collect();
            assert_eq!(names, ["GET", "PING", "SET"]);
        }
    }

    #[test]
    fn replies_of_both_protocols_are_found() {
        let stream =
            b"+OK\r\n:1\r\n$-1\r\n*-1\r\n*0\r\n*2\r\n*1\r\n:1\r\n$2\r\nab\r\n%1\r\n+a\r\n:1\r\n\
            >2\r\n+x\r\n+y\r\n_\r\n|1\r\n+a\r\n+b\r\n:7\r\n-ERR no\r\n$0\r\n\r\n";
        for piece in [1, 2, 5, 1000] {
            let kinds: Vec<u8> = frames(stream, piece).into_iter().map(|f| f.0).collect();
            assert_eq!(kinds, b"+:$***%>_|-$");
        }
    }
}
