//! `state acl`: the least that a user of Redis must be allowed.

use super::args::AclArgs;
use crate::failure::Failure;
use crate::{say, show};
use eventflux::redis::acl_line;

pub fn run(args: &AclArgs) -> Result<(), Failure> {
    let line = acl_line(&args.user, &args.prefix, args.app.as_deref());
    let line = line.map_err(|e| Failure::usage(e.to_string()))?;
    say!(
        "# Put another word for PASSWORD, and either add the line to the file that `aclfile` in redis.conf names, then
#   redis-cli ACL LOAD
# or, without such a file, on each server, replicas included:
#   redis-cli ACL SETUSER and the line from its second word on, then add it to redis.conf
# `eventflux doctor URL --redis-user {}` tries whether it suffices; a sentinel has users of its own.",
        args.user
    );
    show!("{line}");
    Ok(())
}
