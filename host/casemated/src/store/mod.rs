// SPDX-License-Identifier: Apache-2.0
//! The store: rows read by one statement, written by a list of statements that all happen or none. No state is kept here, so any
//! number of servers may share a store.
//!
//! SQL is of the sort that SQLite and PostgreSQL both take: integers, texts, blobs, parameters `$1`, `$2` in order.

mod postgres;
mod schema;
mod sqlite;

pub use postgres::Postgres;
pub use sqlite::Sqlite;

use std::fmt;
use zeroize::Zeroize;

/// A value of a column.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Absent.
    Null,
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// Access keys pass here.
impl Drop for Value {
    fn drop(&mut self) {
        if let Self::Text(s) = self {
            s.zeroize();
        }
    }
}

/// Never the content.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Int(_) => "Int",
            Self::Text(_) => "Text",
            Self::Blob(_) => "Blob",
        })
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Self::Text(s.into())
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Self::Text(s)
    }
}

impl From<&[u8]> for Value {
    fn from(b: &[u8]) -> Self {
        Self::Blob(b.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Self::Null, Into::into)
    }
}

/// A row.
#[derive(Debug, Clone)]
pub struct Row(pub Vec<Value>);

impl Row {
    fn wrong(&self, i: usize) -> StoreError {
        StoreError::Broken(format!("column {i} is {:?}", self.0.get(i)))
    }

    /// A text.
    pub fn text(&self, i: usize) -> Result<&str, StoreError> {
        match self.0.get(i) {
            Some(Value::Text(s)) => Ok(s),
            _ => Err(self.wrong(i)),
        }
    }

    /// A number.
    pub fn int(&self, i: usize) -> Result<i64, StoreError> {
        match self.0.get(i) {
            Some(Value::Int(n)) => Ok(*n),
            _ => Err(self.wrong(i)),
        }
    }

    /// Bytes.
    pub fn blob(&self, i: usize) -> Result<&[u8], StoreError> {
        match self.0.get(i) {
            Some(Value::Blob(b)) => Ok(b),
            _ => Err(self.wrong(i)),
        }
    }
}

/// A statement that writes.
#[derive(Debug, Clone)]
pub struct Statement {
    sql: &'static str,
    params: Vec<Value>,
    rows: Option<u64>,
}

impl Statement {
    /// One that changes as many rows as it finds.
    pub fn new(sql: &'static str, params: Vec<Value>) -> Self {
        Self {
            sql,
            params,
            rows: None,
        }
    }

    /// One that has to change one row: else somebody else was first, and nothing of the list happens.
    pub fn one(sql: &'static str, params: Vec<Value>) -> Self {
        Self {
            rows: Some(1),
            ..Self::new(sql, params)
        }
    }
}

/// Why a store did not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A statement found other rows than it has to.
    #[error("somebody else changed it at the same time")]
    Conflict,
    /// A row with this primary key, or another value that has to be unique, is there.
    #[error("it is there already")]
    Duplicate,
    /// Something in it is not as it has to be.
    #[error("the store is damaged: {0}")]
    Broken(String),
    /// The database's words.
    #[error("store: {0}")]
    Database(String),
}

/// Results of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A database.
pub enum Store {
    /// In a local file.
    Sqlite(Sqlite),
    /// Shared by servers.
    Postgres(Box<Postgres>),
}

impl Store {
    /// Rows of a statement that reads. What was written before is seen.
    pub async fn read(&self, sql: &'static str, params: Vec<Value>) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(s) => s.read(sql, &params),
            Self::Postgres(s) => s.read(sql, &params).await,
        }
    }

    /// Writes all of it, on the disk when this returns, or nothing.
    pub async fn write(&self, statements: Vec<Statement>) -> Result<()> {
        match self {
            Self::Sqlite(s) => s.write(statements).await,
            Self::Postgres(s) => s.write(statements).await,
        }
    }

    /// Whether this server is the one that does what is scheduled. What it writes is conditional all the same.
    pub async fn leads(&self) -> Result<bool> {
        match self {
            Self::Sqlite(_) => Ok(true),
            Self::Postgres(s) => s.leads().await,
        }
    }
}
