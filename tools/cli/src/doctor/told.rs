//! What a server tells of itself, and why it does not.

use super::check::Checks;
use eventflux::redis::{Refused, ServerFacts, Why};

/// The oldest Redis that has all commands.
const VERSION_MIN: (u32, u32) = (6, 2);

/// Product and version.
pub fn version(server: &ServerFacts, of: &mut Checks<'_>) {
    let (Some(version), Some(redis)) = (&server.version, &server.redis_version) else {
        let (found, advice) = untold(server.info_refused.as_ref());
        return of.warn("version", found, advice);
    };
    let product = server.product.as_deref().unwrap_or("Redis");
    let shown = match version == redis {
        true => format!("{product} {version}"),
        false => format!("{product} {version}, with the commands of Redis {redis}"),
    };
    let mut parts = redis.split('.').map(|part| part.parse::<u32>().ok());
    let number = parts.next().flatten().zip(parts.next().flatten());
    match number {
        Some(number) if number >= VERSION_MIN => of.ok("version", shown),
        _ => of.fail("version", shown, "use Redis 6.2 or later"),
    }
}

/// Why something is unknown, and what to change.
pub fn untold(refused: Option<&Refused>) -> (String, &'static str) {
    match refused {
        None => (
            "the server does not tell".to_string(),
            "use Redis 6.2 or later",
        ),
        Some(refused) => match refused.why {
            Why::Forbidden => (
                "the user may not ask".to_string(),
                "`eventflux state acl` prints what the user needs",
            ),
            Why::NoCommand => (
                "the server has no command that tells it".to_string(),
                "take rename-command for INFO out of its configuration",
            ),
            _ => (refused.text.clone(), "look at the server's log"),
        },
    }
}
