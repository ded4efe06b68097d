// SPDX-License-Identifier: Apache-2.0
//! SQLite in a local file (WAL): readers in the caller's thread, one writer that puts what waits into one transaction.

use super::schema::MIGRATIONS;
use super::{Result, Row, Statement, StoreError, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Writes of one transaction.
const BATCH: usize = 256;

type Written = oneshot::Sender<Result<()>>;

/// A database file.
pub struct Sqlite {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    writer: Option<Sender<(Vec<Statement>, Written)>>,
    thread: Option<JoinHandle<()>>,
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(n) => ValueRef::Integer(*n),
            Self::Text(s) => ValueRef::Text(s.as_bytes()),
            Self::Blob(b) => ValueRef::Blob(b),
        }))
    }
}

fn database(e: rusqlite::Error) -> StoreError {
    match e.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => StoreError::Duplicate,
        _ => StoreError::Database(e.to_string()),
    }
}

fn value(v: ValueRef<'_>) -> Result<Value> {
    Ok(match v {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Int(n),
        ValueRef::Text(s) => Value::Text(
            std::str::from_utf8(s)
                .map_err(|e| StoreError::Broken(e.to_string()))?
                .into(),
        ),
        ValueRef::Blob(b) => Value::Blob(b.into()),
        ValueRef::Real(_) => return Err(StoreError::Broken("a number with a fraction".into())),
    })
}

/// Parameters by number, as SQLite has them: `$1` is a name to it, numbered where it first stands.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

fn query(c: &Connection, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
    let mut statement = c.prepare_cached(&numbered(sql)).map_err(database)?;
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(params)).map_err(database)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next().map_err(database)? {
        let get = |i| value(row.get_ref(i).map_err(database)?);
        out.push(Row((0..columns).map(get).collect::<Result<_>>()?));
    }
    Ok(out)
}

fn run(c: &Connection, statements: &[Statement]) -> Result<()> {
    for s in statements {
        let mut statement = c.prepare_cached(&numbered(s.sql)).map_err(database)?;
        let n = statement.execute(params_from_iter(&s.params)).map_err(database)?;
        if s.rows.is_some_and(|wanted| wanted != n as u64) {
            return Err(StoreError::Conflict);
        }
    }
    Ok(())
}

fn migrate(c: &mut Connection) -> Result<()> {
    let version: usize = c
        .pragma_query_value(None, "user_version", |r| r.get(0))
        .map_err(database)?;
    if version > MIGRATIONS.len() {
        return Err(StoreError::Database(format!(
            "it is of schema {version}, this program knows up to {}: use the newer program that made it",
            MIGRATIONS.len()
        )));
    }
    for (i, sql) in MIGRATIONS.iter().enumerate().skip(version) {
        let t = c.transaction().map_err(database)?;
        t.execute_batch(sql).map_err(database)?;
        t.pragma_update(None, "user_version", i as i64 + 1)
            .map_err(database)?;
        t.commit().map_err(database)?;
    }
    Ok(())
}

impl Sqlite {
    /// Opens a file, makes it if there is none, and brings its tables up to date.
    pub fn open(path: &Path) -> Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        // Access keys are in it: for its owner only.
        let made = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path);
        made.map_err(|e| StoreError::Database(format!("{}: {e}", path.display())))?;
        let mut c = connect(path)?;
        c.pragma_update(None, "journal_mode", "WAL").map_err(database)?;
        migrate(&mut c)?;
        let (tx, rx) = channel();
        let thread = std::thread::Builder::new().name("store".into());
        let thread = thread
            .spawn(move || write_all(&c, &rx))
            .map_err(|e| StoreError::Database(e.to_string()))?;
        Ok(Self {
            path: path.into(),
            readers: Mutex::new(Vec::new()),
            writer: Some(tx),
            thread: Some(thread),
        })
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(super) fn read(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        let idle = self.readers().pop();
        let c = idle.map_or_else(|| connect(&self.path), Ok)?;
        let rows = query(&c, sql, params);
        self.readers().push(c);
        rows
    }

    pub(super) async fn write(&self, statements: Vec<Statement>) -> Result<()> {
        let (tx, rx) = oneshot::channel();
        let gone = || StoreError::Database("its writer has ended".into());
        let writer = self.writer.as_ref().ok_or_else(gone)?;
        writer.send((statements, tx)).map_err(|_| gone())?;
        rx.await.map_err(|_| gone())?
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.writer = None;
        if let Some(t) = self.thread.take() {
            let _ = t.join();
        }
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let c = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(|e| StoreError::Database(format!("{}: {e}", path.display())))?;
    // FULL: what was answered is on the disk.
    for (name, value) in [("synchronous", "FULL"), ("foreign_keys", "ON")] {
        c.pragma_update(None, name, value).map_err(database)?;
    }
    c.busy_timeout(std::time::Duration::from_secs(5))
        .map_err(database)?;
    c.set_prepared_statement_cache_capacity(64);
    Ok(c)
}

/// The writer: each list in a savepoint of its own, one commit for all that wait.
fn write_all(c: &Connection, rx: &Receiver<(Vec<Statement>, Written)>) {
    while let Ok(first) = rx.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = rx.try_recv()
        {
            batch.push(next);
        }
        let mut results = Vec::new();
        let begun = c.execute_batch("BEGIN IMMEDIATE").map_err(database);
        let done = begun.and_then(|()| {
            for (statements, _) in &batch {
                c.execute_batch("SAVEPOINT list").map_err(database)?;
                let result = run(c, statements);
                if result.is_err() {
                    c.execute_batch("ROLLBACK TO list").map_err(database)?;
                }
                c.execute_batch("RELEASE list").map_err(database)?;
                results.push(result);
            }
            c.execute_batch("COMMIT").map_err(database)
        });
        if let Err(e) = done {
            let _ = c.execute_batch("ROLLBACK");
            results = batch.iter().map(|_| Err(e.clone())).collect();
        }
        for ((_, reply), result) in batch.into_iter().zip(results) {
            // Whoever asked may be gone.
            let _ = reply.send(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_or_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let s = Sqlite::open(&dir.path().join("s")).unwrap();
        let account = |n: &str, d: i64| {
            Statement::new("INSERT INTO accounts VALUES ($1, $2)", vec![n.into(), d.into()])
        };
        s.write(vec![account("1", 1)]).await.unwrap();
        let twice = s.write(vec![account("2", 2), account("1", 3)]).await;
        assert!(matches!(twice, Err(StoreError::Duplicate)));
        let none = Statement::one(
            "UPDATE accounts SET domain = $1 WHERE account = $2",
            vec![5.into(), "9".into()],
        );
        let both = s.write(vec![account("2", 2), none]).await;
        assert!(matches!(both, Err(StoreError::Conflict)));
        let rows = s.read("SELECT account, domain FROM accounts", &[]).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].text(0).unwrap(), rows[0].int(1).unwrap()), ("1", 1));
        assert!(rows[0].text(1).is_err());
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        drop(Sqlite::open(&path).unwrap());
        let c = Connection::open(&path).unwrap();
        c.pragma_update(None, "user_version", 99).unwrap();
        drop(c);
        let e = Sqlite::open(&path).err().unwrap().to_string();
        assert!(e.contains("schema 99"), "{e}");
    }
}
