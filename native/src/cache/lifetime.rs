//! When a value expires: after a time, or after a time without use.

use crate::clock::now_ms;
use std::sync::atomic::{AtomicU32, Ordering};

/// Uses are noted at this resolution only, so that readers of one value mostly leave its cache line alone.
const TICK_MS: u64 = 16;

/// How long a value lives, in milliseconds; 0: for ever.
#[derive(Clone, Copy, Default)]
pub struct Lifetime {
    /// From now on.
    pub ttl_ms: u64,
    /// From its last use on. At most two ticks (32 ms) longer, never shorter; a year is the longest.
    pub idle_ms: u64,
}

/// The expiry of one value. It lies in the value's own allocation, so that a value and its lifetime change as one.
pub struct Expiry {
    at_ms: u64,
    idle_ticks: u32,
    /// In ticks since boot, modulo 2^32; kept only where there is an idle limit.
    used: AtomicU32,
}

impl Expiry {
    /// Starts now.
    pub fn new(lifetime: Lifetime) -> Expiry {
        if lifetime.ttl_ms == 0 && lifetime.idle_ms == 0 {
            return Expiry {
                at_ms: 0,
                idle_ticks: 0,
                used: AtomicU32::new(0),
            };
        }
        let now = now_ms();
        Expiry {
            at_ms: match lifetime.ttl_ms {
                0 => 0,
                ttl => now.saturating_add(ttl),
            },
            // Half the range of `used`, so that its overflow does no harm.
            idle_ticks: lifetime.idle_ms.div_ceil(TICK_MS).min(u64::from(u32::MAX / 2)) as u32,
            used: AtomicU32::new(tick(now)),
        }
    }

    /// Whether the value has expired, by the clock that is only read where it matters.
    pub fn is_over(&self) -> bool {
        if self.at_ms == 0 && self.idle_ticks == 0 {
            return false;
        }
        let now = now_ms();
        (self.at_ms != 0 && now >= self.at_ms) || (self.idle_ticks != 0 && self.ticks_since_use(now) > self.idle_ticks)
    }

    /// Notes a use where there is an idle limit.
    pub fn note_use(&self) {
        if self.idle_ticks == 0 {
            return;
        }
        let tick = tick(now_ms());
        if self.used.load(Ordering::Relaxed) != tick {
            self.used.store(tick, Ordering::Relaxed);
        }
    }

    /// 0 where a use was noted after `now` was taken.
    fn ticks_since_use(&self, now: u64) -> u32 {
        let ticks = tick(now).wrapping_sub(self.used.load(Ordering::Relaxed));
        if ticks > u32::MAX / 2 + 1 { 0 } else { ticks }
    }
}

fn tick(ms: u64) -> u32 {
    (ms / TICK_MS) as u32
}
