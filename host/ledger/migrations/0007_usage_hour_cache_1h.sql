-- What a vendor's cache keeps for an hour has a price of its own, in the sums as well.
ALTER TABLE usage_hour ADD COLUMN tokens_cache_write_1h BIGINT NOT NULL DEFAULT 0;
