-- What kind of thing an entry is about, what it is called by labels, and which entries mend others.

ALTER TABLE usage_entry ADD COLUMN kind TEXT NOT NULL DEFAULT 'request';
-- Of what a vendor's cache keeps from now on, how much it keeps for an hour.
ALTER TABLE usage_entry ADD COLUMN tokens_cache_write_1h BIGINT NOT NULL DEFAULT 0;

-- The labels of an entry once more, a row each, so that sums are by them and entries are found.
CREATE TABLE usage_label (
    process TEXT NOT NULL,
    journal_position BIGINT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (process, journal_position, name)
);

-- Which entry corrects which: nobody mends the same twice.
CREATE TABLE usage_correction (
    -- The entry whose price was wrong.
    of_process TEXT NOT NULL,
    of_position BIGINT NOT NULL,
    -- The one that says by how much.
    process TEXT NOT NULL,
    journal_position BIGINT NOT NULL,
    nanodollars BIGINT NOT NULL,
    PRIMARY KEY (of_process, of_position, process, journal_position)
);

-- Sums are of one kind each. No release has written to this table.
DROP TABLE usage_hour;

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
    kind TEXT NOT NULL,
    -- Entries of the kind "request".
    requests BIGINT NOT NULL,
    tokens_in BIGINT NOT NULL,
    tokens_out BIGINT NOT NULL,
    tokens_cached BIGINT NOT NULL,
    tokens_cache_write BIGINT NOT NULL,
    tokens_reasoning BIGINT NOT NULL,
    audio_ms BIGINT NOT NULL,
    nanodollars BIGINT NOT NULL,
    -- Entries of which the figures are a guess.
    estimated BIGINT NOT NULL,
    PRIMARY KEY (hour, tenant, key_id, route, policy, candidate, provider, model, operation, ended,
                 kind)
);
