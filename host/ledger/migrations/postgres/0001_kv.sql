-- The small state that plugins keep: a value a key, within a namespace that the host chooses.
CREATE TABLE kv (
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    value BYTEA NOT NULL,
    -- Milliseconds since the Unix epoch; NULL is for good.
    expires_at BIGINT,
    PRIMARY KEY (namespace, key)
);

CREATE INDEX kv_by_expiry ON kv (expires_at) WHERE expires_at IS NOT NULL;

-- How much each namespace holds, so that a quota costs one look-up and not a walk. Triggers keep
-- it: no statement can forget to.
CREATE TABLE kv_used (
    namespace TEXT NOT NULL PRIMARY KEY,
    keys BIGINT NOT NULL,
    bytes BIGINT NOT NULL
);

CREATE FUNCTION kv_added() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO kv_used (namespace, keys, bytes)
    VALUES (NEW.namespace, 1, octet_length(NEW.key) + octet_length(NEW.value))
    ON CONFLICT (namespace)
    DO UPDATE SET keys = kv_used.keys + 1, bytes = kv_used.bytes + excluded.bytes;
    RETURN NULL;
END $$;

CREATE FUNCTION kv_changed() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    UPDATE kv_used SET bytes = bytes + octet_length(NEW.value) - octet_length(OLD.value)
    WHERE namespace = NEW.namespace;
    RETURN NULL;
END $$;

CREATE FUNCTION kv_removed() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    UPDATE kv_used
    SET keys = keys - 1, bytes = bytes - octet_length(OLD.key) - octet_length(OLD.value)
    WHERE namespace = OLD.namespace;
    RETURN NULL;
END $$;

CREATE TRIGGER kv_added AFTER INSERT ON kv FOR EACH ROW EXECUTE FUNCTION kv_added();
CREATE TRIGGER kv_changed AFTER UPDATE OF value ON kv FOR EACH ROW EXECUTE FUNCTION kv_changed();
CREATE TRIGGER kv_removed AFTER DELETE ON kv FOR EACH ROW EXECUTE FUNCTION kv_removed();
