//! A blocking RESP2 client of few lines, so that the harness does not depend on the client under test.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(60);

/// An answer of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK` and the like.
    Simple(String),
    /// `-ERR …`.
    Error(String),
    /// A number.
    Int(i64),
    /// Bytes, or nothing.
    Bulk(Option<Vec<u8>>),
    /// Several answers. Nothing (as of an aborted EXEC) is `Bulk(None)`.
    Array(Vec<Reply>),
}

impl Reply {
    /// The text of a simple, error or bulk answer, the digits of a number; empty for nothing and for an array.
    pub fn text(&self) -> String {
        match self {
            Reply::Simple(s) | Reply::Error(s) => s.clone(),
            Reply::Int(n) => n.to_string(),
            Reply::Bulk(Some(b)) => String::from_utf8_lossy(b).into_owned(),
            Reply::Bulk(None) | Reply::Array(_) => String::new(),
        }
    }

    /// The number, also of digits in bytes.
    pub fn int(&self) -> Option<i64> {
        match self {
            Reply::Int(n) => Some(*n),
            _ => self.text().parse().ok(),
        }
    }

    /// The members of an array; none of what is no array.
    pub fn items(&self) -> &[Reply] {
        match self {
            Reply::Array(items) => items,
            _ => &[],
        }
    }

    /// Whether the server refused.
    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }

    /// An error as an error.
    pub fn ok(self) -> io::Result<Reply> {
        match self {
            Reply::Error(e) => Err(io::Error::other(e)),
            other => Ok(other),
        }
    }
}

/// A connection.
#[derive(Debug)]
pub struct Wire {
    stream: BufReader<TcpStream>,
}

impl Wire {
    /// Connects to `host:port`; answers are waited for 60 s.
    pub fn connect(address: &str) -> io::Result<Wire> {
        Wire::connect_within(address, CONNECT, ANSWER)
    }

    /// Connects with limits of its own for connecting and for each read and write.
    pub fn connect_within(address: &str, connect: Duration, answer: Duration) -> io::Result<Wire> {
        let unknown = || io::Error::other(format!("{address} has no address"));
        let address = address.to_socket_addrs()?.next().ok_or_else(unknown)?;
        let stream = TcpStream::connect_timeout(&address, connect)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(answer))?;
        stream.set_write_timeout(Some(answer))?;
        let stream = BufReader::new(stream);
        Ok(Wire { stream })
    }

    /// Sends one command and reads its answer. A refusal of the server is an answer, not an error.
    pub fn cmd(&mut self, arguments: &[&[u8]]) -> io::Result<Reply> {
        self.send(arguments)?;
        self.read()
    }

    /// The same with text.
    pub fn text(&mut self, arguments: &[&str]) -> io::Result<Reply> {
        let arguments: Vec<&[u8]> = arguments.iter().map(|a| a.as_bytes()).collect();
        self.cmd(&arguments)
    }

    /// Sends a command without waiting, for pipelines.
    pub fn send(&mut self, arguments: &[&[u8]]) -> io::Result<()> {
        let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments {
            bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            bytes.extend_from_slice(argument);
            bytes.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&bytes)
    }

    /// Reads the next answer.
    pub fn read(&mut self) -> io::Result<Reply> {
        let line = self.line()?;
        let Some((kind, rest)) = line.split_at_checked(1) else {
            return Err(unreadable(&line));
        };
        let number = || rest.parse::<i64>().map_err(|_| unreadable(&line));
        match kind {
            "+" => Ok(Reply::Simple(rest.to_string())),
            "-" => Ok(Reply::Error(rest.to_string())),
            ":" => Ok(Reply::Int(number()?)),
            "$" => match usize::try_from(number()?) {
                Ok(length) => self.bulk(length),
                Err(_) => Ok(Reply::Bulk(None)),
            },
            "*" => match usize::try_from(number()?) {
                Ok(count) => {
                    let items = (0..count).map(|_| self.read());
                    Ok(Reply::Array(items.collect::<io::Result<_>>()?))
                }
                Err(_) => Ok(Reply::Bulk(None)),
            },
            _ => Err(unreadable(&line)),
        }
    }

    fn bulk(&mut self, length: usize) -> io::Result<Reply> {
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(Reply::Bulk(Some(bytes)))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        Ok(line)
    }
}

fn unreadable(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("no RESP: {line:?}"))
}
