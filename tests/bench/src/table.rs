//! Markdown tables, aligned so that they can also be read as they are.

use std::fmt;

/// One table with its heading.
pub(crate) struct Table {
    heading: String,
    rows: Vec<Vec<String>>,
    remarks: Vec<String>,
}

impl Table {
    pub(crate) fn new(heading: &str, columns: &[&str]) -> Self {
        let rows = vec![columns.iter().map(|&column| column.to_owned()).collect()];
        Self { heading: heading.to_owned(), rows, remarks: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: &[&str]) {
        self.rows.push(cells.iter().map(|&cell| cell.to_owned()).collect());
    }

    /// A line below the table.
    pub(crate) fn remark(&mut self, line: String) {
        self.remarks.push(line);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().map(|row| cell(row, column).chars().count()).max())
            .map(Option::unwrap_or_default)
            .collect();
        writeln!(f, "## {}\n", self.heading)?;
        for (index, row) in self.rows.iter().enumerate() {
            for (column, &width) in widths.iter().enumerate() {
                // Names to the left, figures to the right.
                match column {
                    0 => write!(f, "| {:<width$} ", cell(row, column))?,
                    _ => write!(f, "| {:>width$} ", cell(row, column))?,
                }
            }
            writeln!(f, "|")?;
            if index == 0 {
                for (column, &width) in widths.iter().enumerate() {
                    let right = if column == 0 { "-" } else { ":" };
                    write!(f, "|{}{right}", "-".repeat(width + 1))?;
                }
                writeln!(f, "|")?;
            }
        }
        for remark in &self.remarks {
            writeln!(f, "\n{remark}")?;
        }
        Ok(())
    }
}

/// A figure with as many digits as it is worth.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 1_000.0 => grouped(value),
        magnitude if magnitude >= 100.0 => format!("{value:.0}"),
        magnitude if magnitude >= 10.0 => format!("{value:.1}"),
        magnitude if magnitude >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// 12,345.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = if value < 0.0 { "-".to_owned() } else { String::new() };
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The middle one of several measurements.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
