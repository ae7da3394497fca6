//! Some measurements of one thing.

use std::time::Duration;

/// Measurements in one unit, in the order of their size.
#[derive(Clone, Debug)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Of any number of measurements but none.
    ///
    /// # Panics
    ///
    /// There is none: then there is nothing to tell, and the caller has measured nothing.
    pub fn new(mut measured: Vec<f64>) -> Self {
        assert!(!measured.is_empty(), "something was measured");
        measured.sort_by(f64::total_cmp);
        Self(measured)
    }

    /// Of times, in milliseconds.
    pub fn milliseconds(times: &[Duration]) -> Self {
        Self::new(times.iter().map(|time| time.as_secs_f64() * 1000.0).collect())
    }

    /// The middle one; of an even number the mean of the two.
    pub fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        if self.0.len() % 2 == 1 { self.0[middle] } else { f64::midpoint(self.0[middle - 1], self.0[middle]) }
    }

    /// The least that is not below `hundredths` of all.
    pub fn percentile(&self, hundredths: usize) -> f64 {
        self.0[(self.0.len() * hundredths).div_ceil(100).max(1) - 1]
    }

    /// What there is beside the median: `p95 3.1, max 4.0 ms of 50`.
    pub fn spread(&self, unit: &str) -> String {
        format!("p95 {:.1}, max {:.1} {unit} of {}", self.percentile(95), self.percentile(100), self.0.len())
    }

    /// The median between the least and the greatest: `1.20 s (1.10 to 1.30)`.
    pub fn whole(&self, unit: &str) -> String {
        format!("{:.2} {unit} ({:.2} to {:.2})", self.median(), self.0[0], self.percentile(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_order_of_size() {
        for (measured, median, p95, most) in [
            (vec![7.0], 7.0, 7.0, 7.0),
            (vec![3.0, 1.0], 2.0, 3.0, 3.0),
            (vec![9.0, 1.0, 2.0], 2.0, 9.0, 9.0),
            ((1..=100).rev().map(f64::from).collect(), 50.5, 95.0, 100.0),
        ] {
            let samples = Samples::new(measured.clone());
            let found = (samples.median(), samples.percentile(95), samples.percentile(100));
            assert_eq!(found, (median, p95, most), "{measured:?}");
        }
    }
}
