//! A bare client: commands are sent as bytes, one behind the other, and answers are read when all are sent.

use crate::engine;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A connection.
pub struct Bare {
    stream: BufReader<TcpStream>,
}

impl Bare {
    pub fn connect(address: &str) -> Result<Bare, String> {
        let stream = TcpStream::connect(address).map_err(engine::text)?;
        stream.set_nodelay(true).map_err(engine::text)?;
        let stream = BufReader::with_capacity(256 << 10, stream);
        Ok(Bare { stream })
    }

    /// `SET` of all, then all answers.
    pub fn set_all(&mut self, values: &[(String, Vec<u8>)]) -> Result<(), String> {
        for (key, value) in values {
            let (k, v) = (key.len(), value.len());
            let head = format!("*3\r\n$3\r\nSET\r\n${k}\r\n{key}\r\n${v}\r\n");
            self.write(head.as_bytes())?;
            self.write(value)?;
            self.write(b"\r\n")?;
        }
        for _ in values {
            let answer = self.line()?;
            if answer != "+OK" {
                return Err(format!("SET answers {answer}"));
            }
        }
        Ok(())
    }

    /// `GET` of all, then all answers; how many bytes these were.
    pub fn get_all(&mut self, keys: &[String]) -> Result<u64, String> {
        let mut commands = Vec::new();
        for key in keys {
            let k = key.len();
            commands.extend_from_slice(format!("*2\r\n$3\r\nGET\r\n${k}\r\n{key}\r\n").as_bytes());
        }
        self.write(&commands)?;
        let mut bytes = 0;
        let mut value = Vec::new();
        for _ in keys {
            let line = self.line()?;
            let length: Option<usize> = line.strip_prefix('$').and_then(|n| n.parse().ok());
            let length = length.ok_or_else(|| format!("GET answers {line}"))?;
            value.resize(length + 2, 0);
            self.stream.read_exact(&mut value).map_err(engine::text)?;
            std::hint::black_box(&value);
            bytes += length as u64;
        }
        Ok(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.get_mut().write_all(bytes).map_err(engine::text)
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).map_err(engine::text)?;
        Ok(line.trim_end().to_string())
    }
}
