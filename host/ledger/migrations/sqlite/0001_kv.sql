-- The small state that plugins keep: a value a key, within a namespace that the host chooses.
CREATE TABLE kv (
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    -- Milliseconds since the Unix epoch; NULL is for good.
    expires_at INTEGER,
    PRIMARY KEY (namespace, key)
) STRICT;

CREATE INDEX kv_by_expiry ON kv (expires_at) WHERE expires_at IS NOT NULL;

-- How much each namespace holds, so that a quota costs one look-up and not a walk. Triggers keep
-- it: no statement can forget to.
CREATE TABLE kv_used (
    namespace TEXT NOT NULL PRIMARY KEY,
    keys INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;

CREATE TRIGGER kv_added AFTER INSERT ON kv BEGIN
    INSERT INTO kv_used (namespace, keys, bytes)
    VALUES (NEW.namespace, 1, octet_length(NEW.key) + octet_length(NEW.value))
    ON CONFLICT (namespace) DO UPDATE SET keys = keys + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER kv_changed AFTER UPDATE OF value ON kv BEGIN
    UPDATE kv_used SET bytes = bytes + octet_length(NEW.value) - octet_length(OLD.value)
    WHERE namespace = NEW.namespace;
END;

CREATE TRIGGER kv_removed AFTER DELETE ON kv BEGIN
    UPDATE kv_used
    SET keys = keys - 1, bytes = bytes - octet_length(OLD.key) - octet_length(OLD.value)
    WHERE namespace = OLD.namespace;
END;
