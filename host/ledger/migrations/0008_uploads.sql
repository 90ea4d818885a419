-- What tenants put in places that are theirs: one file with its description a place.

CREATE TABLE upload (
    place TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    description TEXT NOT NULL,
    content BYTEA NOT NULL,
    -- The act that put it there.
    act BIGINT NOT NULL
);
