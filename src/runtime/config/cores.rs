//! The cores that workers may run on.
//!
//! A thread inherits the cores of the one that started it. A program that pins its own threads would therefore put all
//! workers of an app on the core of the thread that happens to start it: what counts is where any thread of the process
//! may run. A limit on the whole process (a container's, or that of `taskset`) is one on all of its threads.

use std::collections::BTreeSet;

/// How many threads are asked where they may run. The first ones, which are the oldest: a process with many apps has
/// hundreds, of which most were pinned here, and asking one takes 10 to 20 us.
const THREADS_MAX: usize = 64;

/// Numbers of the cores, ascending; empty where the system does not tell.
pub(crate) fn cores() -> Vec<usize> {
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online");
    let online = numbers(&online.unwrap_or_default());
    let mut all = BTreeSet::new();
    if let Ok(threads) = std::fs::read_dir("/proc/self/task") {
        for thread in threads.flatten().take(THREADS_MAX) {
            // A thread may have ended meanwhile.
            let status = std::fs::read_to_string(thread.path().join("status"));
            all.extend(allowed(&status.unwrap_or_default()));
            if online.iter().all(|core| all.contains(core)) && !online.is_empty() {
                break;
            }
        }
    }
    if all.is_empty() {
        all.extend(of_this_thread());
    }
    all.into_iter().collect()
}

fn of_this_thread() -> impl Iterator<Item = usize> {
    let ids = core_affinity::get_core_ids().unwrap_or_default();
    ids.into_iter().map(|core| core.id)
}

/// How many threads can run at once; at least 1.
pub(crate) fn parallelism() -> usize {
    let (all, own) = (cores().len(), of_this_thread().count());
    match all > own {
        // The system counts the cores of this thread alone.
        true => all,
        false => std::thread::available_parallelism().map_or(1, |n| n.get()),
    }
}

/// The cores that a `status` file of Linux names, such as 0, 1, 2 and 7 in `Cpus_allowed_list: 0-2,7`.
fn allowed(status: &str) -> Vec<usize> {
    let mut lines = status.lines();
    let list = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    numbers(list.unwrap_or_default())
}

/// The numbers of a list such as `0-2,7`.
fn numbers(list: &str) -> Vec<usize> {
    let ranges = list.trim().split(',');
    let cores = ranges.filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse::<usize>().ok()?)
    });
    cores.flatten().collect()
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_a_status_file_is_read() {
        for (list, cores) in [
            ("0", &[0][..]),
            ("0-3", &[0, 1, 2, 3]),
            ("0-1,4,6-7", &[0, 1, 4, 6, 7]),
            ("", &[]),
            ("x,2", &[2]),
        ] {
            let status =
                format!("Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t{list}\nx:\t1\n");
            assert_eq!(allowed(&status), cores, "{list}");
        }
        assert!(allowed("").is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pinned_thread_finds_all_cores_of_the_process() {
        let all = cores();
        let parallel = parallelism();
        let pinned = std::thread::spawn(move || {
            let first = of_this_thread().next().expect("a core");
            assert!(core_affinity::set_for_current(core_affinity::CoreId {
                id: first
            }));
            assert_eq!(of_this_thread().collect::<Vec<_>>(), [first]);
            (cores(), parallelism())
        });
        assert_eq!(pinned.join().expect("no panic"), (all, parallel));
    }
}
