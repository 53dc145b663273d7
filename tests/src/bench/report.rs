//! Figures of all contenders, and whether they are what was asked for.

use anyhow::{Result, ensure};

/// One contender's figures of one round.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Wall time.
    pub seconds: f64,
    /// Processor time, user and system, of all processors together.
    pub processor_seconds: f64,
    /// Bytes it stored, fetched or wrote: what the measurement says.
    pub bytes: u64,
}

/// What a figure has to be.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// Not less.
    AtLeast(f64),
    /// Not more.
    AtMost(f64),
}

/// Collects figures, prints them, and judges.
pub struct Report {
    small: bool,
    rows: Vec<(String, Vec<Sample>)>,
    missed: Vec<String>,
}

/// In a small run a figure may be missed by so much: it shows that the measurement works, not how good we are.
const LOOSE: f64 = 3.0;

impl Report {
    /// An empty one; in a small run, what is far from what was asked for fails.
    pub fn new(small: bool) -> Self {
        Self {
            small,
            rows: Vec::new(),
            missed: Vec::new(),
        }
    }

    /// Adds a contender's figures of one round.
    pub fn add(&mut self, who: &str, sample: Sample) {
        match self.rows.iter_mut().find(|(name, _)| name == who) {
            Some((_, samples)) => samples.push(sample),
            None => self.rows.push((who.to_owned(), vec![sample])),
        }
    }

    /// A contender's medians.
    ///
    /// # Errors
    /// It never had its turn.
    pub fn median(&self, who: &str) -> Result<Sample> {
        let samples = self
            .rows
            .iter()
            .find(|(name, _)| name == who)
            .map_or(&[][..], |(_, samples)| samples);
        ensure!(!samples.is_empty(), "{who} was not measured");
        let bytes = samples.iter().map(|sample| sample.bytes as f64);
        Ok(Sample {
            seconds: median(samples.iter().map(|sample| sample.seconds)),
            processor_seconds: median(samples.iter().map(|sample| sample.processor_seconds)),
            bytes: median(bytes) as u64,
        })
    }

    /// Prints everybody's medians since the last time.
    ///
    /// # Errors
    /// Nobody was measured.
    pub fn print(&self, bytes_are: &str) -> Result<()> {
        println!("  {:<48} {:>9} {:>12} {:>18}", "", "wall", "processor", bytes_are);
        for (who, samples) in &self.rows {
            let one = self.median(who)?;
            println!(
                "  {who:<48} {:>7.2} s {:>10.2} s {:>15.1} MB   (median of {})",
                one.seconds,
                one.processor_seconds,
                one.bytes as f64 / 1e6,
                samples.len()
            );
        }
        Ok(())
    }

    /// How many times faster `ours` is than `peer`, beside what was asked for.
    ///
    /// # Errors
    /// One of them was not measured.
    pub fn faster(&mut self, ours: &str, peer: &str, at_least: f64) -> Result<()> {
        let (one, other) = (self.median(ours)?, self.median(peer)?);
        println!(
            "  processor time of {peer} / ours: {:.2}",
            other.processor_seconds / one.processor_seconds
        );
        self.claim(
            &format!("faster than {peer}"),
            other.seconds / one.seconds,
            Bound::AtLeast(at_least),
        );
        Ok(())
    }

    /// Prints a ratio beside what was asked for.
    pub fn claim(&mut self, what: &str, value: f64, bound: Bound) {
        let (met, far, asked) = match bound {
            Bound::AtLeast(least) => (value >= least, value < least / LOOSE, format!("at least {least}")),
            Bound::AtMost(most) => (value <= most, value > most * LOOSE, format!("at most {most}")),
        };
        let verdict = if met { "met" } else { "NOT MET" };
        let line = format!("{what}: {value:.3} (asked for: {asked}; {verdict})");
        println!("  {line}");
        if self.small && far {
            self.missed.push(line);
        }
    }

    /// Ends the measurement.
    ///
    /// # Errors
    /// In a small run, a figure that is far from what was asked for.
    pub fn close(self) -> Result<()> {
        ensure!(
            self.missed.is_empty(),
            "far from what was asked for:\n{}",
            self.missed.join("\n")
        );
        Ok(())
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        (values[middle - 1] + values[middle]) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: f64) -> Sample {
        Sample {
            seconds,
            processor_seconds: seconds,
            bytes: 1,
        }
    }

    #[test]
    fn the_median_forgives_one_bad_round() {
        let mut report = Report::new(true);
        for seconds in [1.0, 90.0, 2.0] {
            report.add("we", sample(seconds));
        }
        assert_eq!(report.median("we").unwrap().seconds, 2.0);
        assert!(report.median("they").is_err());
    }

    #[test]
    fn only_a_small_run_fails_and_only_by_far() {
        for (small, value, fails) in [(true, 1.9, true), (true, 2.1, false), (false, 0.1, false)] {
            let mut report = Report::new(small);
            report.claim("faster", value, Bound::AtLeast(6.0));
            assert_eq!(report.close().is_err(), fails);
        }
        let mut report = Report::new(true);
        report.claim("new bytes", 4.0, Bound::AtMost(1.15));
        assert!(report.close().is_err());
    }
}
