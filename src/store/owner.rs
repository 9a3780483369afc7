//! How a process names itself to others.

use super::Owner;

/// The longest name of a host that is shown.
const HOST_MAX: usize = 64;

impl Owner {
    /// The name of this process, `host:pid`: for messages of those that find its claim.
    pub fn process_name() -> String {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let host = kernel.or_else(|| std::env::var("HOSTNAME").ok());
        let host = host_name(host.as_deref().unwrap_or_default());
        format!("{host}:{}", std::process::id())
    }
}

/// A host's name as it can stand in a line of text; `host` where there is none.
fn host_name(found: &str) -> String {
    let shown = found.trim().chars();
    let shown = shown.filter(|c| !c.is_control() && !c.is_whitespace());
    let name: String = shown.take(HOST_MAX).collect();
    match name.is_empty() {
        true => "host".to_string(),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_name_of_one_word() {
        let name = Owner::process_name();
        let (host, pid) = name.rsplit_once(':').expect("host:pid");
        assert!(!host.is_empty() && !host.contains(char::is_whitespace));
        assert_eq!(pid.parse(), Ok(std::process::id()));
        assert_eq!(host_name("web-3\n"), "web-3");
        assert_eq!(host_name(" \n"), "host");
        assert_eq!(host_name("a\u{1b}[31m b"), "a[31mb");
        assert_eq!(host_name(&"x".repeat(500)).len(), HOST_MAX);
    }
}
