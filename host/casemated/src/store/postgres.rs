// SPDX-License-Identifier: Apache-2.0
//! PostgreSQL, for any number of servers over one database: a few connections that requests take turns at, one transaction a
//! list of writes.

use super::schema::MIGRATIONS;
use super::{Result, Row, Statement, StoreError, Value};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls};

/// Connections of one server: PostgreSQL has about a hundred by default.
const CONNECTIONS: usize = 16;
const CONNECT: Duration = Duration::from_secs(5);

/// Advisory locks: of whoever changes the tables, and of the leader.
const MIGRATION: i64 = 0x6361_7365_6d61_7401;
const LEADER: i64 = 0x6361_7365_6d61_7402;

/// A database that several servers share.
pub struct Postgres {
    config: Config,
    idle: Mutex<Vec<Connection>>,
    turns: Semaphore,
    /// Held while this server leads: the lock goes with the connection.
    leader: AsyncMutex<Option<Connection>>,
}

struct Connection {
    client: Client,
    prepared: HashMap<&'static str, tokio_postgres::Statement>,
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(n) if *kind == Type::INT8 => n.to_sql(kind, out),
            Self::Text(s) if *kind == Type::TEXT => s.to_sql(kind, out),
            Self::Blob(b) if *kind == Type::BYTEA => b.to_sql(kind, out),
            v => Err(format!("{v:?} where the statement has {kind}").into()),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

fn database(e: tokio_postgres::Error) -> StoreError {
    match e.code() {
        Some(&SqlState::UNIQUE_VIOLATION) => StoreError::Duplicate,
        // What it refers to went away, or the order of locks was another's: it may be tried again.
        Some(
            &SqlState::FOREIGN_KEY_VIOLATION
            | &SqlState::T_R_SERIALIZATION_FAILURE
            | &SqlState::T_R_DEADLOCK_DETECTED,
        ) => StoreError::Conflict,
        _ => StoreError::Database(words(&e)),
    }
}

/// The error with its causes: the library's own text names only its kind.
fn words(e: &tokio_postgres::Error) -> String {
    let mut text = e.to_string();
    let mut cause = std::error::Error::source(e);
    while let Some(c) = cause {
        text = format!("{text}: {c}");
        cause = c.source();
    }
    text
}

fn value(row: &tokio_postgres::Row, i: usize) -> Result<Value> {
    let kind = row.columns()[i].type_();
    let value = match *kind {
        Type::INT8 => row.try_get::<_, Option<i64>>(i).map(Value::from),
        Type::INT4 => row.try_get::<_, Option<i32>>(i).map(|n| n.map(i64::from).into()),
        Type::TEXT => row.try_get::<_, Option<String>>(i).map(Value::from),
        Type::BYTEA => row.try_get::<_, Option<&[u8]>>(i).map(Value::from),
        _ => return Err(StoreError::Broken(format!("a column of type {kind}"))),
    };
    value.map_err(database)
}

impl Connection {
    async fn open(config: &Config) -> Result<Self> {
        let opened = tokio::time::timeout(CONNECT, config.connect(NoTls)).await;
        let opened = opened.map_err(|_| StoreError::Database("it does not answer".into()))?;
        let (client, connection) = opened.map_err(database)?;
        // It ends when the client is dropped, or with the server; the client's next call tells.
        tokio::spawn(connection);
        Ok(Self {
            client,
            prepared: HashMap::new(),
        })
    }

    async fn prepare(&mut self, sql: &'static str) -> Result<tokio_postgres::Statement> {
        if let Some(s) = self.prepared.get(sql) {
            return Ok(s.clone());
        }
        let s = self.client.prepare(sql).await.map_err(database)?;
        self.prepared.insert(sql, s.clone());
        Ok(s)
    }

    async fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>> {
        let statement = self.prepare(sql).await?;
        let rows = self.client.query(&statement, &pointers(params)).await;
        let row = |r: &tokio_postgres::Row| (0..r.len()).map(|i| value(r, i)).collect::<Result<_>>().map(Row);
        rows.map_err(database)?.iter().map(row).collect()
    }

    async fn run(&mut self, statements: &[Statement]) -> Result<()> {
        for s in statements {
            let statement = self.prepare(s.sql).await?;
            let n = self.client.execute(&statement, &pointers(&s.params)).await;
            let n = n.map_err(database)?;
            if s.rows.is_some_and(|wanted| wanted != n) {
                return Err(StoreError::Conflict);
            }
        }
        Ok(())
    }

    async fn batch(&self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).await.map_err(database)
    }

    async fn all_or_nothing(&mut self, statements: &[Statement]) -> Result<()> {
        self.batch("BEGIN").await?;
        let done = self.run(statements).await;
        self.batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })
            .await?;
        done
    }

    /// Brings the tables up to date. Servers that start together wait for one another.
    async fn migrate(&mut self, migrations: &[&str]) -> Result<()> {
        self.batch(&format!("BEGIN; SELECT pg_advisory_xact_lock({MIGRATION})"))
            .await?;
        self.batch("CREATE TABLE IF NOT EXISTS casemate_schema (version BIGINT NOT NULL)")
            .await?;
        let rows = self.query("SELECT version FROM casemate_schema", &[]).await?;
        let version = rows.first().map_or(Ok(0), |r| r.int(0))?;
        let done = usize::try_from(version).unwrap_or(usize::MAX);
        if done > migrations.len() {
            return Err(StoreError::Database(format!(
                "it is of schema {version}, this program knows up to {}: use the newer program that made it",
                migrations.len()
            )));
        }
        for sql in &migrations[done..] {
            self.batch(sql).await?;
        }
        if done < migrations.len() {
            let version = migrations.len();
            let sql = format!("DELETE FROM casemate_schema; INSERT INTO casemate_schema VALUES ({version})");
            self.batch(&sql).await?;
        }
        self.batch("COMMIT").await
    }
}

fn pointers(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|v| v as _).collect()
}

impl Postgres {
    /// Opens a database by its URL, as in `postgres://user:password@host/name`, and brings its tables up to date.
    pub async fn open(url: &str) -> Result<Self> {
        Self::with_migrations(url, MIGRATIONS).await
    }

    async fn with_migrations(url: &str, migrations: &[&str]) -> Result<Self> {
        let mut config: Config = url.parse().map_err(database)?;
        if config.get_application_name().is_none() {
            config.application_name("casemated");
        }
        let mut first = Connection::open(&config).await?;
        first.migrate(migrations).await?;
        Ok(Self {
            config,
            idle: Mutex::new(vec![first]),
            turns: Semaphore::new(CONNECTIONS),
            leader: AsyncMutex::new(None),
        })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(|e| e.into_inner())
    }

    async fn take(&self) -> Result<Connection> {
        loop {
            let c = self.idle().pop();
            match c {
                Some(c) if c.client.is_closed() => {}
                Some(c) => return Ok(c),
                None => return Connection::open(&self.config).await,
            }
        }
    }

    /// A connection whose future was dropped in between does not come back: it may be in a transaction.
    fn give(&self, c: Connection) {
        if !c.client.is_closed() {
            self.idle().push(c);
        }
    }

    pub(super) async fn read(&self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>> {
        let _turn = self.turns.acquire().await;
        let mut c = self.take().await?;
        let mut rows = c.query(sql, params).await;
        if rows.is_err() && c.client.is_closed() {
            // The database was started anew since: reading again does no harm.
            self.idle().clear();
            c = self.take().await?;
            rows = c.query(sql, params).await;
        }
        self.give(c);
        rows
    }

    pub(super) async fn write(&self, statements: Vec<Statement>) -> Result<()> {
        let _turn = self.turns.acquire().await;
        let mut c = self.take().await?;
        let done = c.all_or_nothing(&statements).await;
        self.give(c);
        done
    }

    /// Whether this server leads: it alone does what is scheduled, until it or its connection ends.
    pub(super) async fn leads(&self) -> Result<bool> {
        let mut leader = self.leader.lock().await;
        if let Some(c) = leader.as_mut() {
            if c.batch("").await.is_ok() {
                return Ok(true);
            }
            *leader = None;
        }
        let mut c = Connection::open(&self.config).await?;
        let sql = "SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1 ELSE 0 END";
        let got = c.query(sql, &[LEADER.into()]).await?;
        if got.first().map_or(Ok(0), |r| r.int(0))? == 1 {
            *leader = Some(c);
        }
        Ok(leader.is_some())
    }
}

#[cfg(test)]
#[path = "../../tests/common/postgres.rs"]
mod server;

#[cfg(test)]
mod tests {
    use super::server::Server;
    use super::*;
    use std::sync::Arc;

    fn account(n: &str, d: i64) -> Statement {
        Statement::new("INSERT INTO accounts VALUES ($1, $2)", vec![n.into(), d.into()])
    }

    const COUNT: &str = "SELECT COUNT(*) FROM accounts";

    async fn count(s: &Postgres) -> i64 {
        s.read(COUNT, &[]).await.unwrap()[0].int(0).unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn over_a_server() {
        let Some(mut server) = Server::start() else { return };
        all_or_nothing(&server.create("one")).await;
        many_at_once(&server.create("many")).await;
        migrated(&server).await;
        led(&server.create("led")).await;
        let s = Postgres::open(&server.create("again")).await.unwrap();
        s.write(vec![account("1", 1)]).await.unwrap();
        assert!(s.leads().await.unwrap());
        server.crash_and_restart();
        // What was answered is there, and no caller has to know that the connections broke.
        assert_eq!(count(&s).await, 1);
        s.write(vec![account("2", 2)]).await.unwrap();
        assert!(s.leads().await.unwrap());
    }

    async fn all_or_nothing(url: &str) {
        let s = Postgres::open(url).await.unwrap();
        s.write(vec![account("1", 1)]).await.unwrap();
        let twice = s.write(vec![account("2", 2), account("1", 3)]).await;
        assert!(matches!(twice, Err(StoreError::Duplicate)), "{twice:?}");
        let none = Statement::one(
            "UPDATE accounts SET domain = $1 WHERE account = $2",
            vec![5.into(), "9".into()],
        );
        let both = s.write(vec![account("2", 2), none]).await;
        assert!(matches!(both, Err(StoreError::Conflict)), "{both:?}");
        let rows = s.read("SELECT account, domain FROM accounts", &[]).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].text(0).unwrap(), rows[0].int(1).unwrap()), ("1", 1));
        let token = Statement::new(
            "INSERT INTO tokens VALUES ($1, $2)",
            vec!["t".into(), (&[0u8, 255][..]).into()],
        );
        s.write(vec![token]).await.unwrap();
        let rows = s
            .read("SELECT token FROM tokens WHERE name = $1", &["t".into()])
            .await
            .unwrap();
        assert_eq!(rows[0].blob(0).unwrap(), [0, 255]);
        // Parameters of the wrong sort are an error, and the connection is good for the next.
        assert!(
            s.read("SELECT 1 FROM accounts WHERE domain = $1", &["x".into()])
                .await
                .is_err()
        );
        assert!(s.read("SELECT nothing", &[]).await.is_err());
        assert_eq!(count(&s).await, 1);
    }

    /// More callers than connections, on three servers' stores; of all that want the same only one gets it.
    async fn many_at_once(url: &str) {
        let mut stores = Vec::new();
        for _ in 0..3 {
            stores.push(Arc::new(Postgres::open(url).await.unwrap()));
        }
        let tasks: Vec<_> = (0..150)
            .map(|n: i64| {
                let s = stores[n as usize % 3].clone();
                tokio::spawn(async move { s.write(vec![account(&format!("a{}", n / 3), n / 3)]).await })
            })
            .collect();
        let mut first = 0;
        for t in tasks {
            match t.await.unwrap() {
                Ok(()) => first += 1,
                Err(e) => assert!(matches!(e, StoreError::Duplicate), "{e}"),
            }
        }
        assert_eq!(first, 50);
        assert_eq!(count(&stores[0]).await, 50);
        // A version that each reads and raises: as many times as it was written, no more.
        let raise = |s: Arc<Postgres>| async move {
            let mut done = 0;
            for _ in 0..20 {
                let at = s
                    .read("SELECT domain FROM accounts WHERE account = $1", &["a0".into()])
                    .await
                    .unwrap()[0]
                    .int(0)
                    .unwrap();
                let sql = "UPDATE accounts SET domain = $1 WHERE account = 'a0' AND domain = $2";
                match s
                    .write(vec![Statement::one(sql, vec![(at - 1).into(), at.into()])])
                    .await
                {
                    Ok(()) => done += 1,
                    Err(e) => assert!(matches!(e, StoreError::Conflict), "{e}"),
                }
            }
            done
        };
        let tasks: Vec<_> = (0..9)
            .map(|i| tokio::spawn(raise(stores[i % 3].clone())))
            .collect();
        let mut done = 0;
        for t in tasks {
            done += t.await.unwrap();
        }
        let rows = stores[1]
            .read("SELECT domain FROM accounts WHERE account = 'a0'", &[])
            .await
            .unwrap();
        assert_eq!(rows[0].int(0).unwrap(), -done);
        assert!(done >= 20);
    }

    /// From nothing, from the schema before, by several servers at once; never back.
    async fn migrated(server: &Server) {
        let url = server.create("migrated");
        let next = "ALTER TABLE accounts ADD COLUMN note TEXT";
        let newer: Vec<_> = MIGRATIONS.iter().copied().chain([next]).collect();
        let opened = (0..4).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Postgres::open(&url).await })
        });
        for o in opened.collect::<Vec<_>>() {
            o.await.unwrap().unwrap();
        }
        let old = Postgres::open(&url).await.unwrap();
        old.write(vec![account("1", 1)]).await.unwrap();
        let opened = (0..4).map(|_| {
            let (url, newer) = (url.clone(), newer.clone());
            tokio::spawn(async move { Postgres::with_migrations(&url, &newer).await })
        });
        for o in opened.collect::<Vec<_>>() {
            let s = o.await.unwrap().unwrap();
            let rows = s.read("SELECT account, note FROM accounts", &[]).await.unwrap();
            assert_eq!((rows.len(), rows[0].text(0).unwrap()), (1, "1"));
        }
        let back = Postgres::open(&url).await.err().unwrap().to_string();
        assert!(back.contains("newer program"), "{back}");
        // One that fails changes nothing.
        let broken: Vec<_> = newer
            .iter()
            .copied()
            .chain(["CREATE TABLE x (n BIGINT); DROP TABLE y"])
            .collect();
        let failed = Postgres::with_migrations(&url, &broken)
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(failed.contains("\"y\""), "{failed}");
        let s = Postgres::with_migrations(&url, &newer).await.unwrap();
        assert!(s.read("SELECT n FROM x", &[]).await.is_err());
    }

    async fn led(url: &str) {
        let (a, b) = (
            Postgres::open(url).await.unwrap(),
            Postgres::open(url).await.unwrap(),
        );
        assert!(a.leads().await.unwrap());
        for _ in 0..3 {
            assert!(a.leads().await.unwrap());
            assert!(!b.leads().await.unwrap());
        }
        drop(a);
        let start = std::time::Instant::now();
        while !b.leads().await.unwrap() {
            assert!(start.elapsed() < Duration::from_secs(20), "nobody leads");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn what_cannot_be_opened() {
        for (url, words) in [
            ("postgres://nowhere.invalid/x", "store: "),
            ("postgres://%2Fnone/x", "store: "),
            ("nonsense", "store: "),
        ] {
            let e = Postgres::open(url).await.err().unwrap().to_string();
            assert!(e.starts_with(words), "{url}: {e}");
        }
    }
}
