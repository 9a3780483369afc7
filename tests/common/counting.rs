//! A global allocator that counts: how often memory is asked for, and how many bytes are held.
//!
//! I1: every method passes its arguments on to the system's allocator unchanged and returns what it returned.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// How often memory was asked for, by any thread.
pub static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Bytes that are held.
pub static HELD_BYTES: AtomicI64 = AtomicI64::new(0);

/// Counts, then asks the system.
pub struct Counting;

fn hold(bytes: usize) {
    HELD_BYTES.fetch_add(bytes as i64, Ordering::Relaxed);
}

fn give_back(bytes: usize) {
    HELD_BYTES.fetch_sub(bytes as i64, Ordering::Relaxed);
}

#[allow(unsafe_code, reason = "an allocator is an unsafe trait")]
// SAFETY: I1.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        hold(layout.size());
        // SAFETY: I1; the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        give_back(layout.size());
        // SAFETY: I1; the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        give_back(layout.size());
        hold(size);
        // SAFETY: I1; the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
