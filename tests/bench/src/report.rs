//! The figures as people read them.

use std::fmt;

/// One figure and its limit.
#[derive(Debug)]
pub struct Figure {
    /// What was measured.
    pub title: &'static str,
    /// What is held against the limit.
    pub measured: f64,
    /// The most that it may be.
    pub limit: f64,
    /// Unit of both.
    pub unit: &'static str,
    /// How it came about.
    pub more: String,
}

impl Figure {
    fn is_missed(&self) -> bool {
        self.measured > self.limit
    }

    fn with_unit(&self, number: f64) -> String {
        // Counts and limits are whole or nearly so.
        let number = if number.fract() == 0.0 { format!("{number}") } else { format!("{number:.2}") };
        format!("{number} {}", self.unit)
    }
}

/// All figures of a run.
#[derive(Debug, Default)]
pub struct Report(Vec<Figure>);

impl Report {
    /// Adds a figure.
    pub fn add(&mut self, figure: Figure) {
        self.0.push(figure);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<[String; 3]> = self
            .0
            .iter()
            .map(|figure| {
                let limit = format!("≤ {}", figure.with_unit(figure.limit));
                [figure.title.to_owned(), figure.with_unit(figure.measured), limit]
            })
            .collect();
        let widths = [0, 1, 2].map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
        for (row, figure) in rows.iter().zip(&self.0) {
            writeln!(
                out,
                "{:<title$}  {:>measured$}  {:>limit$}  {}",
                row[0],
                row[1],
                row[2],
                figure.more,
                title = widths[0],
                measured = widths[1],
                limit = widths[2]
            )?;
        }
        for (row, figure) in rows.iter().zip(&self.0).filter(|(_, figure)| figure.is_missed()) {
            writeln!(out, "missed: {}, {} instead of {}", figure.title, row[1], row[2])?;
        }
        Ok(())
    }
}

/// What else has to do with the times: cores, and how busy they are.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or_else(|_| "?".to_owned(), |cores| cores.to_string());
    // Only Linux has the file; elsewhere nothing is said about it.
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    format!("{cores} cores, load {}", if load.is_empty() { "unknown".to_owned() } else { load.join(" ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_beyond_its_limit_is_named() {
        let figure = |title, measured| Figure { title, measured, limit: 5.0, unit: "ms", more: String::new() };
        let mut report = Report::default();
        report.add(figure("start", 5.0));
        report.add(figure("schema", 5.25));
        assert_eq!(
            report.to_string().lines().map(str::trim_end).collect::<Vec<_>>(),
            ["start      5 ms  ≤ 5 ms", "schema  5.25 ms  ≤ 5 ms", "missed: schema, 5.25 ms instead of ≤ 5 ms",]
        );
    }
}
