//! Which process holds a claim, so that one that is gone need not be waited for.

use std::fs;

/// This process, among all that ever ran on this machine: boot, namespace of process numbers, number, start. Empty
/// where the system does not tell.
pub(super) fn this_process() -> String {
    let pid = std::process::id();
    let known = || Some(format!("{}/{pid}/{}", namespace()?, started(pid)?));
    known().unwrap_or_default()
}

/// Whether a process is known to have ended: it ran in this boot and namespace, and is not there any more.
pub(super) fn is_gone(process: &str) -> bool {
    let ended = || {
        let (rest, start) = process.rsplit_once('/')?;
        let (namespace_of, pid) = rest.rsplit_once('/')?;
        let pid: u32 = pid.parse().ok()?;
        // The first process never ends: a system that does not show it may hide others, too.
        let here = namespace()? == namespace_of && started(1).is_some();
        Some(here && started(pid).as_deref() != Some(start))
    };
    ended().unwrap_or(false)
}

/// Boot and namespace in which process numbers mean something.
fn namespace() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{}/{}", boot.trim(), namespace.to_str()?))
}

/// When a process was started, in ticks since boot: field 22 of its line, counted behind the name, which may hold
/// anything.
fn started(pid: u32) -> Option<String> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = line.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_string)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_there_and_its_children_go() {
        let this = this_process();
        assert!(!this.is_empty() && !is_gone(&this), "{this}");
        let mut child = std::process::Command::new("true").spawn().expect("it runs");
        let pid = child.id();
        let start = started(pid).expect("it is there until it is waited for");
        let name = format!("{}/{pid}/{start}", namespace().expect("Linux"));
        child.wait().expect("it ends");
        assert!(is_gone(&name));
        // another start, another machine, or no such text
        let (rest, _) = this.rsplit_once('/').expect("parts");
        assert!(is_gone(&format!("{rest}/1")));
        assert!(!is_gone(&format!("x{name}")));
        assert!(!is_gone("") && !is_gone("a/b/c"));
    }
}
