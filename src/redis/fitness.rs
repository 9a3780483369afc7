//! What a server has to be before an app is claimed on it.

use super::client::texts;
use super::store::Inner;
use crate::store::StoreError;
use redis::Value;

impl Inner {
    /// Refuses a server that would throw chunks away when its memory is full. Where it may not be asked for that, this
    /// is told with the health.
    pub(super) fn check_policy(&self) -> Result<(), StoreError> {
        let asked = self.client().retry("INFO memory", |link| {
            redis::cmd("INFO").arg("memory").query::<Value>(link)
        });
        let texts = match asked {
            Ok(value) => texts(value),
            Err(StoreError::Refused { reason, .. }) => {
                let note = format!(
                    "what happens when the server's memory is full cannot be asked for: make sure that maxmemory-policy \
                     is noeviction, or that there is no maxmemory; INFO is refused: {reason}"
                );
                self.client().note(note);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        texts.iter().try_for_each(|text| self.check_memory(text))
    }

    /// Looks at the section `memory` of one server.
    fn check_memory(&self, text: &str) -> Result<(), StoreError> {
        let line = |name: &str| {
            let mut lines = text.lines();
            lines.find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))
        };
        let policy = line("maxmemory_policy").unwrap_or_default();
        let limited = line("maxmemory").is_some_and(|bytes| bytes != "0");
        let volatile = policy.starts_with("volatile-");
        let harmless =
            policy.is_empty() || policy == "noeviction" || (volatile && self.ttl().is_none());
        if !harmless && limited {
            return Err(StoreError::Refused {
                what: self.client().describe().to_string(),
                reason: format!(
                    "maxmemory-policy is {policy}, which deletes checkpoints when memory is full: set noeviction"
                ),
            });
        }
        if !harmless {
            let note = format!("maxmemory-policy is {policy}: set noeviction before maxmemory");
            self.client().note(note);
        }
        Ok(())
    }

    /// Refuses a replica at a URL that names one server: no waiting makes a primary of it, and one that takes writes
    /// loses them when it synchronises the next time.
    ///
    /// What is found is what later answers are compared with. Where nothing is, the next answer counts as another
    /// server.
    pub(super) fn check_role(&self) -> Result<(), StoreError> {
        let client = self.client();
        let replica = client.probe().is_ok() && client.health().role == Some("replica");
        match replica && client.is_one_server() {
            true => Err(StoreError::Refused {
                what: client.describe().to_string(),
                reason: "it is a replica: use the address of its primary, or redis+sentinel:// or redis+cluster://, \
                         which find it"
                    .to_string(),
            }),
            false => Ok(()),
        }
    }
}
