// SPDX-License-Identifier: Apache-2.0
//! The tables, as a list of migrations: a store at version N has had the first N.

/// Each once, in order. One that was released never changes.
pub const MIGRATIONS: &[&str] = &["
CREATE TABLE accounts (
    account TEXT PRIMARY KEY,
    domain BIGINT NOT NULL UNIQUE
);
CREATE TABLE principals (
    arn TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (account),
    doc TEXT NOT NULL
);
CREATE TABLE access_keys (
    id TEXT PRIMARY KEY,
    principal TEXT NOT NULL REFERENCES principals (arn),
    secret TEXT NOT NULL,
    active BIGINT NOT NULL
);
CREATE INDEX access_keys_of ON access_keys (principal);
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (account),
    version BIGINT NOT NULL,
    due BIGINT,
    doc TEXT NOT NULL
);
CREATE INDEX keys_of ON keys (account, id);
CREATE INDEX keys_due ON keys (due);
CREATE TABLE materials (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL REFERENCES keys (id),
    number BIGINT NOT NULL,
    token BYTEA NOT NULL,
    public BYTEA,
    made BIGINT NOT NULL,
    rotation TEXT,
    UNIQUE (key, number)
);
CREATE TABLE aliases (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL REFERENCES keys (id),
    made BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (account, name)
);
CREATE INDEX aliases_of ON aliases (key, name);
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL REFERENCES keys (id),
    account TEXT NOT NULL,
    retiring TEXT,
    doc TEXT NOT NULL
);
CREATE INDEX grants_of ON grants (key, id);
CREATE INDEX grants_retiring ON grants (retiring, id);
CREATE TABLE tokens (
    name TEXT PRIMARY KEY,
    token BYTEA NOT NULL
);
"];
