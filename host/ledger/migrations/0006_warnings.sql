-- Who was told that an account's window is nearly used up: one of all processes tells it.

CREATE TABLE warning (
    account TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    told_at BIGINT NOT NULL,
    PRIMARY KEY (account, window_start)
);
