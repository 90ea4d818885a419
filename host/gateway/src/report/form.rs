//! A report as a file: rows and columns, in CSV or Parquet.
//!
//! Parquet has no compression here: reports are small, and every reader takes it.

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;
use std::sync::Arc;

/// Columns of equal length.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<(String, Cells)>,
}

/// What stands in a column.
#[derive(Clone, Debug)]
pub enum Cells {
    /// Words.
    Text(Vec<String>),
    /// Whole numbers.
    Int(Vec<i64>),
    /// Other numbers.
    Real(Vec<f64>),
    /// Moments, in milliseconds since the Unix epoch, and where they are told.
    Time(Vec<i64>, TimeZone),
}

impl Table {
    /// Adds a column. It is as long as the others: all of them are made from the same rows.
    pub fn add(&mut self, name: impl Into<String>, cells: Cells) {
        debug_assert!(self.columns.is_empty() || self.len() == cells.len(), "columns differ");
        self.columns.push((name.into(), cells));
    }

    fn len(&self) -> usize {
        self.columns.first().map_or(0, |(_, cells)| cells.len())
    }

    /// With the names of its columns in the first line, quoted as RFC 4180 says.
    ///
    /// Spreadsheets take a cell that begins with `=`, `+`, `-` or `@` for a formula, and what
    /// stands here was said by strangers: labels, models. So a text that begins so, or with a tab
    /// or a carriage return, has a `'` before it, as OWASP advises
    /// (<https://owasp.org/www-community/attacks/CSV_Injection>). Numbers stay numbers.
    pub fn csv(&self) -> Vec<u8> {
        let mut lines = Lines::default();
        lines.add(self.columns.iter().map(|(name, _)| harmless(name)));
        for row in 0..self.len() {
            lines.add(self.columns.iter().map(|(_, cells)| cells.text(row)));
        }
        lines.out
    }

    /// As a file of Parquet's, with one group of rows. No column may be null.
    ///
    /// # Errors
    ///
    /// If it cannot be written in this form.
    pub fn parquet(&self) -> Result<Vec<u8>> {
        let fields = self.columns.iter().map(|(name, cells)| cells.field(name));
        let fields = fields.collect::<Result<_>>()?;
        let schema = Type::group_type_builder("usage").with_fields(fields).build()?;
        let properties = Arc::new(WriterProperties::builder().build());
        let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties)?;
        let mut group = writer.next_row_group()?;
        for (_, cells) in &self.columns {
            let mut column = group.next_column()?.context("a column is missing")?;
            cells.write(&mut column)?;
            column.close()?;
        }
        group.close()?;
        Ok(writer.into_inner()?)
    }
}

impl Cells {
    fn len(&self) -> usize {
        match self {
            Self::Text(cells) => cells.len(),
            Self::Int(cells) | Self::Time(cells, _) => cells.len(),
            Self::Real(cells) => cells.len(),
        }
    }

    fn text(&self, row: usize) -> String {
        match self {
            Self::Text(cells) => harmless(&cells[row]),
            Self::Int(cells) => cells[row].to_string(),
            Self::Real(cells) => cells[row].to_string(),
            Self::Time(cells, zone) => time(cells[row], zone),
        }
    }

    fn field(&self, name: &str) -> Result<Arc<Type>> {
        let (physical, logical) = match self {
            Self::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Self::Int(_) => (Physical::INT64, None),
            Self::Real(_) => (Physical::DOUBLE, None),
            Self::Time(..) => {
                (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
            }
        };
        let field = Type::primitive_type_builder(name, physical);
        let field = field.with_repetition(Repetition::REQUIRED).with_logical_type(logical);
        Ok(Arc::new(field.build()?))
    }

    fn write(&self, column: &mut SerializedColumnWriter<'_>) -> Result<()> {
        match self {
            Self::Text(cells) => {
                let cells: Vec<_> =
                    cells.iter().map(|text| ByteArray::from(text.as_str())).collect();
                column.typed::<ByteArrayType>().write_batch(&cells, None, None)?;
            }
            Self::Int(cells) | Self::Time(cells, _) => {
                column.typed::<Int64Type>().write_batch(cells, None, None)?;
            }
            Self::Real(cells) => {
                column.typed::<DoubleType>().write_batch(cells, None, None)?;
            }
        }
        Ok(())
    }
}

/// Lines of CSV.
#[derive(Default)]
struct Lines {
    writer: csv_core::Writer,
    out: Vec<u8>,
}

impl Lines {
    fn add(&mut self, cells: impl Iterator<Item = String>) {
        for (at, cell) in cells.enumerate() {
            if at > 0 {
                self.put(2, |writer, out| writer.delimiter(out).1);
            }
            // At most each byte is a quote that is doubled, behind one that opens the cell.
            self.put(2 * cell.len() + 2, |writer, out| writer.field(cell.as_bytes(), out).2);
        }
        self.put(3, |writer, out| writer.terminator(out).1);
    }

    /// Writes what takes so many bytes at most.
    fn put(&mut self, most: usize, write: impl FnOnce(&mut csv_core::Writer, &mut [u8]) -> usize) {
        let end = self.out.len();
        self.out.resize(end + most, 0);
        let written = write(&mut self.writer, &mut self.out[end..]);
        self.out.truncate(end + written);
    }
}

fn harmless(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

/// A moment in a zone, as RFC 3339 writes it.
pub fn time(at: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX);
    at.display_with_offset(zone.to_offset(at)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    fn table() -> Table {
        let mut table = Table::default();
        let words = ["plain", "=1+1", "-2", "@x", "+3", "\tx", "say \"hi\", you", ""];
        table.add("=words", Cells::Text(words.map(str::to_owned).to_vec()));
        table.add("numbers", Cells::Int(vec![1, -2, 3, 4, 5, 6, 7, i64::MIN]));
        table.add("reals", Cells::Real(vec![0.5, -0.25, 3.0, 4.0, 5.0, 6.0, 7.0, 1e-9]));
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        table.add("times", Cells::Time(vec![0; 8], zone));
        table
    }

    #[test]
    fn what_strangers_said_is_no_formula_of_a_spreadsheet() {
        let text = String::from_utf8(table().csv()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "'=words,numbers,reals,times");
        assert_eq!(lines[1], "plain,1,0.5,1970-01-01T01:00:00+01:00");
        assert!(lines[2].starts_with("'=1+1,-2,-0.25,"), "{}", lines[2]);
        assert!(lines[3].starts_with("'-2,3,") && lines[4].starts_with("'@x,4,"));
        assert!(lines[5].starts_with("'+3,") && lines[6].starts_with("'\tx,"));
        assert!(lines[7].starts_with("\"say \"\"hi\"\", you\","), "{}", lines[7]);
        assert!(lines[8].starts_with(",-9223372036854775808,") && lines.len() == 9);
    }

    #[test]
    fn a_file_of_parquet_is_read_as_it_was_written() {
        let file = bytes::Bytes::from(table().parquet().unwrap());
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<String> =
            reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        assert_eq!(rows.len(), 8);
        let first =
            "{=words: \"plain\", numbers: 1, reals: 0.5, times: 1970-01-01 00:00:00.000 +00:00}";
        assert_eq!(rows[0], first);
        // Who reads columns with their types makes no formula of a text.
        assert!(
            rows[1].starts_with("{=words: \"=1+1\", numbers: -2, reals: -2.5E-1"),
            "{}",
            rows[1]
        );
        assert!(rows[7].contains("-9223372036854775808"), "{}", rows[7]);
    }

    #[test]
    fn what_is_empty_has_columns_and_no_rows() {
        let mut table = Table::default();
        table.add("words", Cells::Text(Vec::new()));
        table.add("numbers", Cells::Int(Vec::new()));
        assert_eq!(table.csv(), b"words,numbers\n");
        let reader = SerializedFileReader::new(bytes::Bytes::from(table.parquet().unwrap()));
        assert_eq!(reader.unwrap().metadata().file_metadata().num_rows(), 0);
    }
}
