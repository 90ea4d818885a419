//! What goes into a statement and comes out of it, for both databases.

use super::StoreError;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Database, Decode, Postgres, Sqlite, Type};

/// A parameter. It has its type even where it is `NULL`: PostgreSQL asks for one.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Real(Option<f64>),
}

/// The parameters of a statement, in order: `values![key, until, 3]`.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::Value::from($value)),*] };
}
pub(crate) use values;

macro_rules! from {
    ($($type:ty => $kind:ident),* $(,)?) => { $(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$kind(Some(value.into()))
            }
        }
        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$kind(value.map(Into::into))
            }
        }
    )* };
}

from! { i64 => Int, &str => Text, String => Text, &[u8] => Bytes, Vec<u8> => Bytes, f64 => Real }

/// Puts the parameters into a statement of either driver, whose types have nothing in common.
macro_rules! bound {
    ($sql:expr, $values:expr) => {
        $values.into_iter().fold(sqlx::query($sql), |query, value| match value {
            $crate::store::Value::Int(value) => query.bind(value),
            $crate::store::Value::Text(value) => query.bind(value),
            $crate::store::Value::Bytes(value) => query.bind(value),
            $crate::store::Value::Real(value) => query.bind(value),
        })
    };
}
pub(super) use bound;

/// A row that was read.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What a column can be read as: `i64`, `String`, `Vec<u8>`, `f64`, and an `Option` of them where
/// it may be `NULL`.
pub(crate) trait Field: In<Sqlite> + In<Postgres> {}
impl<T: In<Sqlite> + In<Postgres>> Field for T {}

/// What a column of one database can be read as.
pub(crate) trait In<DB: Database>: Type<DB> + for<'r> Decode<'r, DB> {}
impl<DB: Database, T: Type<DB> + for<'r> Decode<'r, DB>> In<DB> for T {}

impl Row {
    /// The column at this place, counted from 0.
    ///
    /// A sum of `BIGINT`s is a `NUMERIC` in PostgreSQL: cast it to `BIGINT`.
    pub(crate) fn get<T: Field>(&self, place: usize) -> Result<T, StoreError> {
        match self {
            Self::Sqlite(row) => column(row, place),
            Self::Postgres(row) => column(row, place),
        }
    }
}

fn column<R: sqlx::Row, T: In<R::Database>>(row: &R, place: usize) -> Result<T, StoreError>
where
    usize: ColumnIndex<R>,
{
    row.try_get(place).map_err(StoreError::from)
}
