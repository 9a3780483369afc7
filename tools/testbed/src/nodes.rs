//! What CLUSTER NODES says, and which slot a key has.

use std::io;

/// The slots of every cluster.
pub(crate) const SLOTS: u16 = 16_384;

/// One line of CLUSTER NODES.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLine {
    /// The id of the node.
    pub id: String,
    /// Its port.
    pub port: u16,
    /// Whether it is the node that was asked.
    pub myself: bool,
    /// Whether it is a primary.
    pub primary: bool,
    /// Whether the asked node holds it to be down, or suspects it.
    pub failing: bool,
    /// The id of its primary.
    pub primary_id: Option<String>,
    /// The epoch of its configuration.
    pub epoch: u64,
    /// Its slots: first and last of each range.
    pub slots: Vec<(u16, u16)>,
    /// Slots on their way to another node, by its id.
    pub leaving: Vec<(u16, String)>,
}

impl NodeLine {
    /// Whether the slot is one of its own.
    pub fn owns(&self, slot: u16) -> bool {
        self.slots.iter().any(|(a, b)| (*a..=*b).contains(&slot))
    }

    /// Reads all lines.
    pub(crate) fn parse(text: &str) -> io::Result<Vec<NodeLine>> {
        let unreadable = |line: &str| io::Error::other(format!("no line of CLUSTER NODES: {line}"));
        text.lines()
            .map(|line| NodeLine::parse_line(line).ok_or_else(|| unreadable(line)))
            .collect()
    }

    fn parse_line(line: &str) -> Option<NodeLine> {
        let mut words = line.split(' ');
        let id = words.next()?.to_string();
        let address = words.next()?;
        let flags: Vec<&str> = words.next()?.split(',').collect();
        let primary_id = Some(words.next()?).filter(|p| *p != "-");
        let epoch = words.nth(2)?.parse().ok()?;
        let _link = words.next()?;
        let mut node = NodeLine {
            id,
            port: address
                .split('@')
                .next()?
                .rsplit(':')
                .next()?
                .parse()
                .ok()?,
            myself: flags.contains(&"myself"),
            primary: flags.contains(&"master"),
            failing: flags.iter().any(|f| f.starts_with("fail")),
            primary_id: primary_id.map(ToString::to_string),
            epoch,
            slots: Vec::new(),
            leaving: Vec::new(),
        };
        for word in words {
            if let Some(moving) = word.strip_prefix('[') {
                if let Some((slot, to)) = moving.trim_end_matches(']').split_once("->-") {
                    node.leaving.push((slot.parse().ok()?, to.to_string()));
                }
            } else {
                let (first, last) = word.split_once('-').unwrap_or((word, word));
                node.slots.push((first.parse().ok()?, last.parse().ok()?));
            }
        }
        Some(node)
    }
}

/// The slot of a key: CRC-16/XMODEM of the part in braces, or of all of it.
pub fn slot_of(key: &str) -> u16 {
    let tag = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'));
    let hashed = match tag {
        Some((tag, _)) if !tag.is_empty() => tag,
        _ => key,
    };
    let step = |crc: u16| match crc & 0x8000 {
        0 => crc << 1,
        _ => (crc << 1) ^ 0x1021,
    };
    let crc = hashed.bytes().fold(0u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| step(crc))
    });
    crc % SLOTS
}
