-- What is spent and held of budgets, by whom, and the entries of what was used.

-- A process is a journal's folder: it keeps its name when it is started again.
CREATE TABLE process (
    id TEXT NOT NULL PRIMARY KEY,
    -- Another one at each start: two of one name would tell the same journal twice.
    incarnation TEXT NOT NULL,
    -- Milliseconds since the Unix epoch, as everywhere.
    seen_at BIGINT NOT NULL,
    -- Up to where its journal is in this database.
    journal_position BIGINT NOT NULL
);

CREATE TABLE account_window (
    account TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    window_end BIGINT NOT NULL,
    -- The limit as it was last said; who takes a slice says it anew.
    most BIGINT NOT NULL,
    -- Spent for good.
    settled BIGINT NOT NULL,
    -- The sum of all slices.
    leased BIGINT NOT NULL,
    PRIMARY KEY (account, window_start)
);

CREATE INDEX account_window_by_end ON account_window (window_end);

-- Changed only by who has locked the row of its account's window.
CREATE TABLE slice (
    process TEXT NOT NULL,
    account TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    -- May be spent, so it stays taken when the process is gone.
    held BIGINT NOT NULL,
    -- May not be spent yet, so it goes back.
    spare BIGINT NOT NULL,
    PRIMARY KEY (process, account, window_start)
);

-- A row a request. Where it stood in which journal is its key: it cannot come twice.
CREATE TABLE usage_entry (
    process TEXT NOT NULL,
    journal_position BIGINT NOT NULL,
    at BIGINT NOT NULL,
    request TEXT NOT NULL,
    tenant TEXT NOT NULL,
    key_id TEXT NOT NULL,
    route TEXT NOT NULL,
    policy TEXT NOT NULL,
    reason TEXT NOT NULL,
    candidate TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    operation TEXT NOT NULL,
    ended TEXT NOT NULL,
    tokens_in BIGINT NOT NULL,
    tokens_out BIGINT NOT NULL,
    tokens_cached BIGINT NOT NULL,
    tokens_cache_write BIGINT NOT NULL,
    tokens_reasoning BIGINT NOT NULL,
    audio_ms BIGINT NOT NULL,
    nanodollars BIGINT NOT NULL,
    -- 1 where nobody but us counted.
    estimated BIGINT NOT NULL,
    price_version TEXT NOT NULL,
    took_ms BIGINT NOT NULL,
    -- JSON.
    attempts TEXT NOT NULL,
    labels TEXT NOT NULL,
    PRIMARY KEY (process, journal_position)
);

CREATE INDEX usage_entry_by_time ON usage_entry (at);
CREATE INDEX usage_entry_by_request ON usage_entry (request);

-- The same, summed up by the hour.
CREATE TABLE usage_hour (
    hour BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    key_id TEXT NOT NULL,
    route TEXT NOT NULL,
    policy TEXT NOT NULL,
    candidate TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    operation TEXT NOT NULL,
    ended TEXT NOT NULL,
    requests BIGINT NOT NULL,
    tokens_in BIGINT NOT NULL,
    tokens_out BIGINT NOT NULL,
    tokens_cached BIGINT NOT NULL,
    tokens_cache_write BIGINT NOT NULL,
    tokens_reasoning BIGINT NOT NULL,
    audio_ms BIGINT NOT NULL,
    nanodollars BIGINT NOT NULL,
    estimated BIGINT NOT NULL,
    PRIMARY KEY (hour, tenant, key_id, route, policy, candidate, provider, model, operation, ended)
);
