//! The names of keys.
//!
//! All that one call must change together has one hash tag and so, on a cluster, one slot: an app's control hash and
//! marker; each bucket of its chunks with the set that lists them. Nothing ever scans for keys.

use crate::store::{ChunkName, Revision, StoreError};

/// Buckets of chunks: what spreads an app's chunks over the slots of a cluster. Part of the layout.
pub(super) const BUCKETS: u32 = 16;

/// Longest prefix, in bytes.
const PREFIX_BYTES_MAX: usize = 200;

/// Names of keys under a prefix.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    /// Refuses a prefix that would move a hash tag or break a line.
    pub(super) fn new(prefix: &str) -> Result<Keys, StoreError> {
        let plain = |c: char| !c.is_control() && !c.is_whitespace() && c != '{' && c != '}';
        if prefix.len() <= PREFIX_BYTES_MAX && prefix.chars().all(plain) {
            let prefix = prefix.to_string();
            return Ok(Keys { prefix });
        }
        Err(StoreError::Name {
            what: "key prefix",
            name: prefix.escape_debug().to_string(),
            reason: "at most 200 bytes without braces, blanks or control characters",
        })
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The names of all apps: a set.
    pub(super) fn apps(&self) -> String {
        format!("{}apps", self.prefix)
    }

    /// An app's control hash, the only key of it that changes.
    pub(super) fn control(&self, app: &str) -> String {
        format!("{}{{{app}}}:ctl", self.prefix)
    }

    /// What is left of an app when the rest has expired: a hash.
    pub(super) fn marker(&self, app: &str) -> String {
        format!("{}{{{app}}}:was", self.prefix)
    }

    /// How many chunks of its last epoch a generation has stored, written behind them: a text. A server that has lost
    /// the end of its history has lost this, too, if it lost a chunk.
    pub(super) fn uploaded(&self, app: &str, generation: u64) -> String {
        format!("{}{{{app}}}:up:{generation}", self.prefix)
    }

    /// What a bucket holds, without `c:` or `w:`: a set.
    pub(super) fn index(&self, app: &str, bucket: u32) -> String {
        format!("{}{{{app}/{bucket}}}:i", self.prefix)
    }

    /// A chunk.
    pub(super) fn chunk(&self, app: &str, name: ChunkName) -> String {
        self.member(app, bucket_of(name), &member_of_chunk(name))
    }

    /// Keys and values of the application: a hash.
    pub(super) fn entries(&self, namespace: &str) -> String {
        format!("{}{{kv:{namespace}}}:data", self.prefix)
    }

    /// A checkpoint of them: a hash.
    pub(super) fn checkpoint(&self, namespace: &str, name: &str) -> String {
        format!("{}{{kv:{namespace}}}:cp:{name}", self.prefix)
    }

    /// A revision in one piece, by its content: two writers cannot overwrite each other's.
    pub(super) fn whole(&self, app: &str, revision: Revision, digest: &str) -> String {
        let member = member_of_whole(revision, digest);
        self.member(app, bucket_of_whole(revision), &member)
    }

    /// The key of a name that stands in the index of a bucket.
    pub(super) fn member(&self, app: &str, bucket: u32, member: &str) -> String {
        format!("{}{{{app}/{bucket}}}:{member}", self.prefix)
    }
}

pub(super) fn bucket_of(name: ChunkName) -> u32 {
    name.number % BUCKETS
}

pub(super) fn bucket_of_whole(revision: Revision) -> u32 {
    (revision.epoch % u64::from(BUCKETS)) as u32
}

pub(super) fn member_of_chunk(name: ChunkName) -> String {
    format!("c:{name}")
}

pub(super) fn member_of_whole(revision: Revision, digest: &str) -> String {
    format!("w:{revision}.{digest}")
}

/// The chunk that a name in an index means, if it means one.
pub(super) fn chunk_of_member(member: &str) -> Option<ChunkName> {
    let mut parts = member.strip_prefix("c:")?.splitn(3, '.');
    let mut next = || parts.next();
    let name = ChunkName {
        generation: next()?.parse().ok()?,
        epoch: next()?.parse().ok()?,
        number: next()?.parse().ok()?,
    };
    // Only what this program writes: "01.1.1" would be another key.
    (member_of_chunk(name) == member).then_some(name)
}

/// Which generation has stored what a name in an index means, if that can be told.
pub(super) fn generation_of_member(member: &str) -> Option<u64> {
    let (kind, name) = member.split_at_checked(2)?;
    let generation = name.split(['.', '-']).next()?;
    matches!(kind, "c:" | "w:")
        .then(|| generation.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_tag_each() {
        let keys = Keys::new("eventflux:").expect("plain");
        let name = ChunkName {
            generation: 3,
            epoch: 41,
            number: 18,
        };
        assert_eq!(keys.control("orders"), "eventflux:{orders}:ctl");
        assert_eq!(keys.marker("orders"), "eventflux:{orders}:was");
        assert_eq!(keys.chunk("orders", name), "eventflux:{orders/2}:c:3.41.18");
        assert_eq!(keys.index("orders", 2), "eventflux:{orders/2}:i");
        let revision = name.revision();
        assert_eq!(
            keys.whole("orders", revision, "ab"),
            "eventflux:{orders/9}:w:3-41.ab"
        );
        assert_eq!(chunk_of_member("c:3.41.18"), Some(name));
        for (member, generation) in [
            ("c:3.41.18", Some(3)),
            ("w:12-41.ab", Some(12)),
            ("x:3.1", None),
        ] {
            assert_eq!(generation_of_member(member), generation, "{member}");
        }
        for other in [
            "c:3.41",
            "c:03.41.18",
            "w:3-41.ab",
            "c:3.41.18.1",
            "c:+3.1.1",
            "",
        ] {
            assert_eq!(chunk_of_member(other), None, "{other}");
        }
    }

    #[test]
    fn a_prefix_cannot_move_the_tag() {
        for bad in ["a{", "}b", "a b", "a\n", "a\u{0}", &"x".repeat(201)] {
            assert!(
                matches!(Keys::new(bad), Err(StoreError::Name { .. })),
                "{bad:?}"
            );
        }
        assert!(Keys::new("").is_ok());
    }
}
