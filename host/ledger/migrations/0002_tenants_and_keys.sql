-- The number of administrative acts so far. Whoever acts raises it first, in the same transaction:
-- so one acts at a time, and what has a higher number was visible later.
CREATE TABLE act_counter (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    acts BIGINT NOT NULL
);
INSERT INTO act_counter (one, acts) VALUES (1, 0);

-- Who did what, to what, and when (milliseconds since the Unix epoch, as everywhere).
CREATE TABLE audit (
    act BIGINT NOT NULL PRIMARY KEY,
    done_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);

CREATE TABLE tenant (
    id TEXT NOT NULL PRIMARY KEY,
    parent TEXT REFERENCES tenant (id),
    name TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    suspended_at BIGINT,
    -- The act that made it what it is.
    changed BIGINT NOT NULL
);

CREATE INDEX tenant_by_change ON tenant (changed, id);

CREATE TABLE api_key (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenant (id),
    name TEXT NOT NULL,
    -- SHA-256 of the secret, which is nowhere.
    digest BYTEA NOT NULL,
    scopes TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    -- The key that took its place, and its name.
    successor TEXT,
    changed BIGINT NOT NULL
);

CREATE INDEX api_key_by_change ON api_key (changed, id);

CREATE UNIQUE INDEX api_key_by_name ON api_key (tenant, name)
WHERE successor IS NULL AND revoked_at IS NULL;
