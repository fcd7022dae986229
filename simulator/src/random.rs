//! Numbers that look random, and are the same for the same question.

/// A stream of reproducible numbers (`SplitMix64`): cheap to seed, so every agent-day can have its own.
pub(super) struct Random(u64);

impl Random {
    /// The stream that belongs to these parts and to no others.
    pub(super) fn of(parts: &[u64]) -> Random {
        let mut random = Random(0x5DEE_CE66_D1CE_4E5B);
        for part in parts {
            random.0 = random.next() ^ part;
        }
        random
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both possible. An upside-down range yields `low`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = (high - low).max(0) + 1;
        low + (self.next() >> 1).cast_signed() % width
    }

    /// The same for quantities that are never negative.
    pub(super) fn amount(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high.saturating_sub(low) + 1)
    }

    /// True that often in a hundred.
    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }

    /// Which of `length` items: 0 when there are none.
    pub(super) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.next() % (length.max(1) as u64)).unwrap_or(0)
    }
}
