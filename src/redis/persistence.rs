//! What the store of checkpoints in Redis does for each call.

use super::client::Tries;
use super::keys::{
    BUCKETS, bucket_of, bucket_of_whole, chunk_of_member, generation_of_member, member_of_chunk,
    member_of_whole,
};
use super::script::{self, Answer};
use super::spread::Job;
use super::store::{Inner, RedisPersistenceStore};
use super::upload::KEYS_AT_ONCE;
use super::uploading::store_now;
use crate::store::{
    Catalogue, ChunkName, Claim, Commit, Committed, Digest, Entry, Owner, PersistenceStore,
    Revision, StoreError, StoreHealth, check_name,
};
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_128;

/// Largest value, that of `proto-max-bulk-len`; what is larger closes the connection without a word.
const VALUE_BYTES_MAX: u64 = crate::backend::VALUE_BYTES_MAX as u64;

fn check_app(app: &str) -> Result<(), StoreError> {
    check_name("name of an app", app)
}

fn check_size(what: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let size = bytes.len() as u64;
    if size <= VALUE_BYTES_MAX {
        return Ok(());
    }
    Err(StoreError::TooLarge {
        what: what.to_string(),
        bytes: size,
        bytes_max: VALUE_BYTES_MAX,
    })
}

fn hex(digest: Digest) -> String {
    format!("{digest:032x}")
}

/// A script found a field that cannot be read.
fn damaged(answer: &Answer) -> StoreError {
    corrupt_field(answer.text(1), answer.text(2), "is no number")
}

/// A field of a key by which nothing can be found or written.
fn corrupt_field(key: &str, field: &str, how: &str) -> StoreError {
    StoreError::Corrupt {
        what: key.to_string(),
        reason: format!(
            "its field '{}' {how}: put a backup back, or start anew with another key prefix (--redis-prefix)",
            field.escape_debug()
        ),
    }
}

/// The error that a script's answer means.
fn refusal(inner: &Inner, app: &str, generation: u64, answer: &Answer) -> StoreError {
    match answer.word() {
        "FENCED" => StoreError::Fenced {
            generation,
            current: answer.number(1),
        },
        "LOCKED" => StoreError::Locked {
            app: app.to_string(),
            store: inner.client().describe().to_string(),
            owner: answer.text(1).to_string(),
            expires_in: Some(Duration::from_millis(answer.number(2))),
        },
        "STALE" => StoreError::StaleParent {
            head: answer.text(1).parse().ok(),
        },
        "HEAD" => StoreError::Name {
            what: "revision to retire",
            name: answer.text(1).to_string(),
            reason: "it is the head",
        },
        "PINNED" => StoreError::Name {
            what: "revision to retire",
            name: answer.text(1).to_string(),
            reason: "it is pinned: take the pin away first",
        },
        "DAMAGED" => damaged(answer),
        word => StoreError::Corrupt {
            what: inner.keys().control(app),
            reason: format!("a script answered '{}'", word.escape_debug()),
        },
    }
}

impl Inner {
    /// The generation for calls that carry none: the last one of this handle.
    fn last_generation(&self, app: &str) -> u64 {
        self.held(app).map_or(0, |held| held.generation)
    }

    fn list_app(&self, app: &str) -> Result<(), StoreError> {
        let key = self.keys().apps();
        let listed = self.client().retry(&key, |link| {
            redis::cmd("SADD")
                .arg(&key)
                .arg(app)
                .query::<u32>(link)
                .map(drop)
        });
        match listed {
            // A server whose memory is full refuses that of an app that is listed, too.
            Err(StoreError::Full { .. }) if self.apps()?.iter().any(|known| known == app) => Ok(()),
            listed => listed,
        }
    }

    /// The apps of the list, in no order.
    fn apps(&self) -> Result<Vec<String>, StoreError> {
        self.listed(Tries::Many, &self.keys().apps())
    }

    /// Reads a field of the control hash.
    fn field<T: redis::FromRedisValue>(
        &self,
        app: &str,
        field: &str,
    ) -> Result<Option<T>, StoreError> {
        let key = self.keys().control(app);
        self.client().retry(&key, |link| {
            redis::cmd("HGET").arg(&key).arg(field).query(link)
        })
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let answer = self
            .client()
            .retry(key, |link| redis::cmd("GET").arg(key).query(link));
        answer.map_err(|error| match error {
            // What is there is not ours: a restore may go back behind it.
            StoreError::Refused { what, reason } if reason.contains("WRONGTYPE") => {
                StoreError::Corrupt { what, reason }
            }
            other => other,
        })
    }

    /// Deletes what stands in a bucket under these names, and then the names.
    fn delete(&self, app: &str, bucket: u32, members: &[String]) -> Result<(), StoreError> {
        let index = self.keys().index(app, bucket);
        for some in members.chunks(KEYS_AT_ONCE) {
            let key = |member: &String| self.keys().member(app, bucket, member);
            let keys: Vec<String> = some.iter().map(key).collect();
            self.client().retry(&index, |link| {
                let _: u32 = redis::cmd("UNLINK").arg(&keys).query(link)?;
                redis::cmd("SREM")
                    .arg(&index)
                    .arg(some)
                    .query::<u32>(link)
                    .map(drop)
            })?;
        }
        Ok(())
    }

    /// Deletes all that this generation and those before it have stored: another owner may have begun since.
    fn delete_until(&self, app: &str, generation: u64) -> Result<(), StoreError> {
        (0..BUCKETS).try_for_each(|bucket| {
            let mut members = self.members(app, bucket)?;
            members.retain(|m| generation_of_member(m).is_none_or(|g| g <= generation));
            self.delete(app, bucket, &members)
        })
    }

    /// The names among these for which there is something.
    fn existing(
        &self,
        app: &str,
        bucket: u32,
        mut members: Vec<String>,
    ) -> Result<Vec<String>, StoreError> {
        let key = |member: &String| self.keys().member(app, bucket, member);
        let count = |keys: &[String]| {
            self.client()
                .retry(&self.keys().index(app, bucket), |link| {
                    redis::cmd("EXISTS").arg(keys).query::<usize>(link)
                })
        };
        let mut there = Vec::new();
        for some in members.chunks_mut(KEYS_AT_ONCE) {
            let keys: Vec<String> = some.iter().map(key).collect();
            let all = count(&keys)? == keys.len();
            for (member, key) in some.iter_mut().zip(&keys) {
                if all || count(std::slice::from_ref(key))? == 1 {
                    there.push(std::mem::take(member));
                }
            }
        }
        Ok(there)
    }

    fn entry(&self, app: &str, revision: Revision) -> Result<Option<String>, StoreError> {
        let entry: Option<Vec<u8>> = self.field(app, &format!("r:{revision}"))?;
        Ok(entry.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Stores a revision in one piece, then commits it.
    fn save_whole(&self, app: &str, revision: Revision, bytes: &[u8]) -> Result<(), StoreError> {
        let digest = hex(xxh3_128(bytes));
        let member = member_of_whole(revision, &digest);
        let bucket = bucket_of_whole(revision);
        let job = Job {
            index: self.keys().index(app, bucket),
            key: self.keys().whole(app, revision, &digest),
            member,
            bytes: bytes.to_vec(),
            expires_ms: self.chunk_ms(),
        };
        store_now(self.client(), &job)?;
        let generation = self.last_generation(app);
        let entry = format!("{digest}w");
        let revision_text = revision.to_string();
        let answer = self.run(
            app,
            &script::COMMIT,
            generation,
            &[
                &"",
                &"",
                &revision.epoch,
                &revision_text,
                &entry,
                &"",
                &"",
                &"",
                &"save",
                &revision.generation,
                &"",
                &"",
            ],
        )?;
        let error = match answer.word() {
            "DONE" | "ALREADY" => return Ok(()),
            "CONFLICT" => StoreError::Conflict {
                what: format!("revision {revision}"),
            },
            _ if generation > 0 => refusal(self, app, generation, &answer),
            _ => refusal(self, app, revision.generation, &answer),
        };
        // It is not in the catalogue; that it stays is no error of this call.
        let _ = self.delete(app, bucket, std::slice::from_ref(&job.member));
        Err(error)
    }

    fn try_acquire(&self, app: &str, owner: &Owner, gone: &str) -> Result<Answer, StoreError> {
        let held = self.held(app);
        let own = match &held {
            Some(held) if held.active => "",
            // A claim of which this handle knows nothing is one whose reply was lost.
            _ => self.who(),
        };
        let takeover = if owner.takeover { "1" } else { "0" };
        self.run(
            app,
            &script::ACQUIRE,
            held.map_or(0, |held| held.generation),
            &[&owner.name, &self.process(), &takeover, &own, &gone],
        )
    }
}

/// Digest and kind of a revision in the catalogue.
fn read_entry(entry: &str) -> Option<(Digest, bool)> {
    let (digest, kind) = entry.split_at_checked(32)?;
    let whole = match kind {
        "c" => false,
        "w" => true,
        _ => return None,
    };
    Some((Digest::from_str_radix(digest, 16).ok()?, whole))
}

impl PersistenceStore for RedisPersistenceStore {
    fn save(&self, app: &str, revision: Revision, bytes: &[u8]) -> Result<(), StoreError> {
        check_app(app)?;
        let inner = self.inner();
        check_size(&format!("revision {revision}"), bytes)?;
        if inner.held(app).is_some_and(|held| held.active) {
            inner.require(app, revision.generation)?;
        }
        inner.list_app(app)?;
        inner.save_whole(app, revision, bytes)
    }

    fn load(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        check_app(app)?;
        let inner = self.inner();
        match inner.entry(app, revision)?.as_deref().and_then(read_entry) {
            Some((digest, true)) => inner.get(&inner.keys().whole(app, revision, &hex(digest))),
            _ => Ok(None),
        }
    }

    fn last_revision(&self, app: &str) -> Result<Option<Revision>, StoreError> {
        let catalogue = self.catalogue(app)?;
        Ok(catalogue.revisions.last().map(|entry| entry.revision))
    }

    fn clear_all_revisions(&self, app: &str) -> Result<(), StoreError> {
        check_app(app)?;
        let inner = self.inner();
        let generation = inner.last_generation(app);
        let answer = inner.run(app, &script::CLEAR, generation, &[])?;
        match answer.word() {
            "OK" => inner.delete_until(app, answer.number(1)),
            _ => Err(refusal(inner, app, generation, &answer)),
        }
    }

    fn describe(&self) -> String {
        self.inner().client().describe().to_string()
    }

    fn acquire(&self, app: &str, owner: &Owner) -> Result<Claim, StoreError> {
        check_app(app)?;
        let inner = self.inner();
        inner.check_policy()?;
        inner.check_role()?;
        inner.list_app(app)?;
        let mut answer = inner.try_acquire(app, owner, "")?;
        if answer.word() == "LOCKED" && super::process::is_gone(answer.text(4)) {
            let gone = answer.text(3).to_string();
            answer = inner.try_acquire(app, owner, &gone)?;
        }
        if answer.word() != "OK" {
            return Err(refusal(inner, app, 0, &answer));
        }
        let (generation, last_epoch) = (answer.number(1), answer.number(2));
        inner.hold(app, generation, &owner.name, answer.number(3));
        // What there is has the time to live of who had it before, which may be shorter.
        let stale = answer.text(4) == "1";
        if (stale || inner.ttl().is_some())
            && let Err(error) = inner.expire_all(app, stale)
        {
            inner.drop_claim(app, generation);
            return Err(error);
        }
        inner.uploading(app).lock().end();
        self.start_keeper();
        Ok(Claim {
            generation,
            last_epoch,
        })
    }

    fn release(&self, app: &str, generation: u64) -> Result<(), StoreError> {
        check_app(app)?;
        let inner = self.inner();
        inner.require(app, generation)?;
        // Whatever the server says, and whether it says anything: nobody renews the lease any more.
        inner.drop_claim(app, generation);
        // Nobody waits for a server that does not answer: the claim ends with its lease.
        let answer = match inner.client().health().breaker_open {
            true => inner.run_unconfirmed(Tries::One, app, &script::RELEASE, generation, &[])?,
            false => inner.run(app, &script::RELEASE, generation, &[])?,
        };
        match answer.word() {
            "OK" => Ok(()),
            _ => Err(refusal(inner, app, generation, &answer)),
        }
    }

    fn put_chunk(&self, app: &str, name: ChunkName, bytes: &[u8]) -> Result<(), StoreError> {
        check_app(app)?;
        let inner = self.inner();
        let held = inner.require(app, name.generation)?;
        check_size(&format!("chunk {name}"), bytes)?;
        let key = inner.keys().chunk(app, name);
        let epoch = name.revision();
        let uploading = inner.uploading(app);
        let mut uploading = uploading.lock();
        if !uploading.is_at(epoch) {
            let answer = inner.run(
                app,
                &script::BEGIN,
                name.generation,
                &[
                    &held.owner,
                    &inner.process(),
                    &name.epoch,
                    &epoch.to_string(),
                ],
            )?;
            match answer.word() {
                "OK" => {
                    let tally = inner.keys().uploaded(app, name.generation);
                    let expires_ms = inner.chunk_ms().filter(|_| answer.number(1) == 0);
                    uploading.begin(epoch, tally, expires_ms);
                }
                "COMMITTED" => {
                    let same = inner.get(&key)?.is_some_and(|there| there == bytes);
                    let what = format!("chunk {name}");
                    return same.then_some(()).ok_or(StoreError::Conflict { what });
                }
                _ => return Err(refusal(inner, app, name.generation, &answer)),
            }
        }
        let job = Job {
            index: inner.keys().index(app, bucket_of(name)),
            member: member_of_chunk(name),
            key,
            bytes: bytes.to_vec(),
            expires_ms: None,
        };
        uploading.put(inner.client(), name.number, job)
    }

    fn flush(&self, app: &str) -> Result<(), StoreError> {
        check_app(app)?;
        self.inner().uploading(app).lock().flush()
    }

    fn get_chunk(&self, app: &str, name: ChunkName) -> Result<Option<Vec<u8>>, StoreError> {
        check_app(app)?;
        let inner = self.inner();
        inner.uploading(app).lock().flush()?;
        inner.get(&inner.keys().chunk(app, name))
    }

    fn commit(&self, app: &str, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        check_app(app)?;
        let inner = self.inner();
        let generation = commit.revision.generation;
        let held = inner.require(app, generation)?;
        check_size(
            &format!("the manifest of {}", commit.revision),
            commit.manifest,
        )?;
        let uploading = inner.uploading(app);
        let mut uploading = uploading.lock();
        let tally = uploading.ready(inner.client(), commit.revision)?;
        if commit.parent.is_none() {
            // The first one, or the first one on a server that has lost everything, the list too.
            inner.list_app(app)?;
        }
        let parent = commit.parent.map(|(revision, _)| revision.to_string());
        let parent_digest = commit.parent.map(|(_, digest)| hex(digest));
        let answer = inner.run(
            app,
            &script::COMMIT,
            generation,
            &[
                &held.owner,
                &inner.process(),
                &commit.revision.epoch,
                &commit.revision.to_string(),
                &format!("{}c", hex(commit.digest)),
                &parent.unwrap_or_default(),
                &parent_digest.unwrap_or_default(),
                &commit.manifest,
                &"commit",
                &"",
                &tally,
                &if uploading.has_chunks(commit.revision) {
                    "1"
                } else {
                    ""
                },
            ],
        )?;
        match answer.word() {
            word @ ("DONE" | "ALREADY") => {
                uploading.end();
                inner.committed(app, commit.revision.to_string());
                Ok(match word {
                    "DONE" => Committed::Done,
                    _ => Committed::Already,
                })
            }
            "CONFLICT" => Err(StoreError::Conflict {
                what: format!("revision {}", commit.revision),
            }),
            "LOST" => Err(StoreError::Io {
                what: format!("the chunks of {}", commit.revision),
                reason:
                    "the server that takes the commit does not have what was stored before it: \
                    another one has replaced it meanwhile"
                        .to_string(),
            }),
            _ => Err(refusal(inner, app, generation, &answer)),
        }
    }

    fn manifest(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        check_app(app)?;
        self.inner().field(app, &format!("m:{revision}"))
    }

    fn catalogue(&self, app: &str) -> Result<Catalogue, StoreError> {
        check_app(app)?;
        let inner = self.inner();
        let caller = inner.caller(app, 0);
        let answer = inner.client().retry(&caller.control, |link| {
            script::CATALOGUE.run(link, &caller, &[])
        })?;
        match answer.word() {
            "DAMAGED" => return Err(damaged(&answer)),
            // Without it an older revision would be taken for the last one.
            "LOST" => return Err(corrupt_field(answer.text(1), answer.text(2), "is missing")),
            _ => {}
        }
        let mut catalogue = Catalogue {
            generation: answer.number(0),
            ..Catalogue::default()
        };
        let (epoch, cleared) = (answer.number(1), answer.text(2) == "1");
        let corrupt = |field: &str| corrupt_field(&caller.control, field, "cannot be read");
        let texts = answer.into_texts();
        for pair in texts.get(4..).unwrap_or_default().chunks_exact(2) {
            let (field, value) = (&pair[0], &pair[1]);
            let (kind, name) = field.split_at_checked(2).ok_or_else(|| corrupt(field))?;
            if kind == "p:" {
                let revision = value.parse().map_err(|_| corrupt(field))?;
                catalogue.pins.push((name.to_string(), revision));
            } else {
                let revision = name.parse().map_err(|_| corrupt(field))?;
                let (digest, _) = read_entry(value).ok_or_else(|| corrupt(field))?;
                catalogue.revisions.push(Entry { revision, digest });
            }
        }
        catalogue.revisions.sort_by_key(|entry| entry.revision);
        catalogue.pins.sort();
        if catalogue.revisions.is_empty() && epoch > 0 && !cleared {
            return Err(StoreError::Expired {
                app: app.to_string(),
                store: self.describe(),
                epoch,
            });
        }
        Ok(catalogue)
    }

    fn apps(&self) -> Result<Vec<String>, StoreError> {
        let inner = self.inner();
        let mut apps = inner.apps()?;
        apps.sort();
        Ok(apps)
    }

    fn chunks(&self, app: &str) -> Result<Vec<ChunkName>, StoreError> {
        check_app(app)?;
        let inner = self.inner();
        inner.uploading(app).lock().flush()?;
        let mut all = Vec::new();
        for bucket in 0..BUCKETS {
            let members = inner.members(app, bucket)?;
            let there = inner.existing(app, bucket, members)?;
            all.extend(there.iter().filter_map(|member| chunk_of_member(member)));
        }
        all.sort_unstable();
        Ok(all)
    }

    fn retire(
        &self,
        app: &str,
        revisions: &[Revision],
        chunks: &[ChunkName],
    ) -> Result<(), StoreError> {
        check_app(app)?;
        let inner = self.inner();
        let generation = inner.last_generation(app);
        let names: Vec<String> = revisions.iter().map(Revision::to_string).collect();
        let answer = match names.is_empty() {
            // Nobody misses chunks that no revision names: replicas that are away do not keep them.
            true => inner.run_unconfirmed(Tries::Many, app, &script::RETIRE, generation, &[])?,
            false => inner.run(app, &script::RETIRE, generation, &[&names])?,
        };
        if answer.word() != "OK" {
            return Err(refusal(inner, app, generation, &answer));
        }
        let mut going: Vec<Vec<String>> = vec![Vec::new(); BUCKETS as usize];
        for name in chunks {
            going[bucket_of(*name) as usize].push(member_of_chunk(*name));
        }
        let texts = answer.into_texts();
        for pair in texts.get(1..).unwrap_or_default().chunks_exact(2) {
            if let Ok(revision) = pair[0].parse() {
                let bucket = bucket_of_whole(revision);
                let member = member_of_whole(revision, &pair[1]);
                if pair[1].is_empty() {
                    let mut members = inner.members(app, bucket)?;
                    members.retain(|known| known.starts_with(&member));
                    going[bucket as usize].append(&mut members);
                } else {
                    going[bucket as usize].push(member);
                }
            }
        }
        for (bucket, members) in (0..BUCKETS).zip(going) {
            inner.delete(app, bucket, &members)?;
        }
        Ok(())
    }

    fn pin(&self, app: &str, name: &str, revision: Option<Revision>) -> Result<(), StoreError> {
        check_app(app)?;
        check_name("name of a pin", name)?;
        let inner = self.inner();
        let generation = inner.last_generation(app);
        let target = revision.map(|r| r.to_string()).unwrap_or_default();
        let answer = inner.run(app, &script::PIN, generation, &[&name, &target])?;
        match answer.word() {
            "OK" => {}
            "UNKNOWN" => {
                return Err(StoreError::Name {
                    what: "revision to pin",
                    name: target,
                    reason: "it is not in the catalogue",
                });
            }
            _ => return Err(refusal(inner, app, generation, &answer)),
        }
        let pins = answer.number(1);
        inner.pinned(app, pins);
        match inner.ttl() {
            // What was pinned is to stay, whoever gave it a time to live.
            _ if revision.is_some() => inner.expire_all(app, true),
            Some(_) => inner.expire_all(app, pins > 0),
            None => Ok(()),
        }
    }

    fn time_to_live(&self) -> Option<Duration> {
        self.inner().ttl()
    }

    fn failovers(&self) -> u64 {
        self.inner().client().failovers()
    }

    fn health(&self) -> StoreHealth {
        self.inner().client().health()
    }
}
