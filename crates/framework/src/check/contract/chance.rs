//! Random numbers that can be had again: splitmix64, <https://prng.di.unimi.it/splitmix64.c>.

/// A source of random numbers.
pub(super) struct Chance(u64);

impl Chance {
    /// A source of its own for each name, so that adding a type does not change what others are tried with.
    pub(super) fn new(seed: u64, name: &str) -> Self {
        let mut chance = Self(seed);
        for byte in name.bytes() {
            chance.0 = chance.0.wrapping_mul(31).wrapping_add(u64::from(byte));
        }
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; zero when the bound is.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        // The remainder is below the bound, which is a `usize`.
        if bound == 0 { 0 } else { usize::try_from(self.next() % bound as u64).unwrap_or_default() }
    }

    /// True once in `times`.
    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these; `None` when there are none.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }
}
