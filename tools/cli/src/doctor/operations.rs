//! Judges what became of each operation that was tried.

use super::check::Checks;
use eventflux::redis::{Inspection, Permission, Why};
use std::collections::BTreeMap;

/// All checks of operations: for each reason to refuse one, and by what needs it.
pub fn check(found: &Inspection, app: Option<&str>, of: &mut Checks<'_>) {
    let tried = &found.permissions;
    let mut refused: BTreeMap<(Needed, Why), Vec<&Permission>> = BTreeMap::new();
    for one in tried {
        if let Some(why) = one.refused.as_ref().map(|r| r.why) {
            refused.entry((needed(one), why)).or_default().push(one);
        }
    }
    if refused.is_empty() && !tried.is_empty() {
        of.ok("permissions", format!("all of {} operations", tried.len()));
    }
    for ((needed, why), operations) in refused {
        let names: Vec<&str> = operations.iter().map(|o| o.operation.as_str()).collect();
        let said = operations.iter().find_map(|o| o.refused.as_ref());
        let said = said.map(|r| r.text.trim().to_string()).unwrap_or_default();
        let text = format!("not {}: {said}", names.join(", "));
        let (name, remedy) = remedy(why, app);
        match needed {
            Needed::Always => of.fail(name, text, remedy),
            Needed::Backend => {
                of.warn(
                    name,
                    text,
                    format!("only the state backend needs it; {remedy}"),
                );
            }
            Needed::ToTell => {
                let advice = format!("only what it tells is missing, checkpoints work; {remedy}");
                of.warn(name, text, advice);
            }
        }
    }
}

/// What cannot work without an operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Needed {
    Always,
    Backend,
    ToTell,
}

fn needed(one: &Permission) -> Needed {
    match (one.backend, one.optional) {
        (true, _) => Needed::Backend,
        (false, true) => Needed::ToTell,
        (false, false) => Needed::Always,
    }
}

/// The name of the check, and what to change.
fn remedy(why: Why, app: Option<&str>) -> (&'static str, String) {
    match (why, app) {
        (Why::Memory, _) => (
            "memory",
            "CONFIG SET maxmemory to more, or let the server free some: fewer revisions (`eventflux state prune`), \
             a time to live, other data"
                .to_string(),
        ),
        (Why::ReadOnly, _) => (
            "role",
            "use the address of the primary, or redis+sentinel:// or redis+cluster://, which find it".to_string(),
        ),
        (Why::NoCommand, _) => (
            "commands",
            "take rename-command for it out of the server's configuration; where there is none, use Redis 6.2 or later"
                .to_string(),
        ),
        (Why::Forbidden, Some(app)) => (
            "permissions",
            format!("`eventflux state acl --app {app}` prints what the user needs"),
        ),
        (Why::Forbidden, None) => (
            "permissions",
            "`eventflux state acl` prints what the user needs; with --app NAME only the keys of one app are tried"
                .to_string(),
        ),
        _ => (
            "operations",
            "look at what it says, and at the server's log".to_string(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::super::check::tests::told;
    use super::*;
    use eventflux::redis::Refused;

    fn tried(operation: &str, refused: Option<Refused>) -> Permission {
        let mut tried = Permission::default();
        tried.operation = operation.to_string();
        tried.refused = refused;
        tried
    }

    fn forbidden(text: &str) -> Option<Refused> {
        Some(Refused::new(Why::Forbidden, text))
    }

    #[test]
    fn what_is_refused_is_named_with_the_line_that_allows_it() {
        let mut found = Inspection::default();
        found.permissions = vec![tried("get", None), tried("copy", None)];
        found.permissions[1].backend = true;
        told(&found, None, "permissions", Status::Ok, "all of 2");
        found.permissions[1].refused = forbidden("NOPERM copy");
        let backend = "not copy: NOPERM copy → only the state backend";
        told(&found, None, "permissions", Status::Warn, backend);
        found.permissions[0].refused = forbidden("NOPERM get");
        found
            .permissions
            .push(tried("set", forbidden("NOPERM set")));
        let both = "not get, set: NOPERM get → `eventflux state acl`";
        told(&found, None, "permissions", Status::Fail, both);
        let of_app = "`eventflux state acl --app orders` prints";
        told(&found, Some("orders"), "permissions", Status::Fail, of_app);
    }

    #[test]
    fn each_reason_has_its_own_remedy() {
        for (why, name, part) in [
            (
                Why::Memory,
                "memory",
                "not hset: said → CONFIG SET maxmemory to more",
            ),
            (Why::ReadOnly, "role", "the address of the primary"),
            (Why::NoCommand, "commands", "rename-command"),
            (Why::Other, "operations", "the server's log"),
        ] {
            let mut found = Inspection::default();
            let other = tried("get", forbidden("NOPERM"));
            found.permissions = vec![tried("hset", Some(Refused::new(why, "said"))), other];
            told(&found, None, name, Status::Fail, part);
            told(&found, None, "permissions", Status::Fail, "not get: NOPERM");
            found.permissions[0].optional = true;
            told(&found, None, name, Status::Warn, "checkpoints work; ");
        }
    }
}
