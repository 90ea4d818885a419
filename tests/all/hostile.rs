//! What hostile guests can do: fail one attempt, and nothing else.
//!
//! Each guest of `tests/guests` has a test of its name here, or this does not compile. Each runs
//! on two workers, and again on one that it could hold.

#[path = "hostile/check.rs"]
mod check;

use crate::completions::asks_itself;
use crate::observe::{counts_outcomes, spins_in_observe};
use anyhow::{bail, ensure};
use check::{
    answered, cannot_be_loaded, fails, goes_back_to_where_it_was, is_kept_short, is_passed_over,
    on_any_executor, outpaced,
};
use portcullis_tests::client::chat;
use portcullis_tests::guest::Guest;
use portcullis_tests::process::on_two_workers;
use portcullis_tests::scene::Scene;
use serde_json::json;
use std::path::Path;

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// A guest without a test of its name does not compile.
macro_rules! assert_test_exists {
    ($name:ident) => {
        #[allow(unused_imports, reason = "that it is there is the point")]
        use self::$name as _;
    };
}
// What becomes of this one's stamps is seen where it is swapped.
#[cfg(test)]
use crate::swap::nothing_is_mixed_while_plugins_are_swapped as stamps;
foreach_guest!(assert_test_exists);

// Those that never give the thread back.

#[test]
fn spins_in_describe() {
    cannot_be_loaded(
        &Guest::provider("spins_in_describe"),
        "in `describe`, it ran for more than its 100 ms of CPU time",
    );
}

#[test]
fn spins_in_start() {
    let guest = Guest::provider("spins_in_start").limits("cpu_ms = 500");
    outpaced(&guest, "plugin-cpu", "in `start`: it ran for more than its 500 ms of CPU time");
}

/// The clock on the wall ends it too, where it is given more CPU time than that.
#[test]
fn spins_in_start_past_its_deadline() {
    let guest = Guest::provider("spins_in_start").limits("cpu_ms = 60000\ndeadline_ms = 300");
    fails(&guest, "plugin-deadline", "in `start`: it did not answer within 300 ms");
}

/// Nobody waits for a guest whose client is gone, however long it may run.
#[test]
fn spins_in_start_after_its_client_left() {
    let guest = Guest::provider("spins_in_start").limits("cpu_ms = 60000\ndeadline_ms = 60000");
    on_any_executor(async |cache| {
        let scene = Scene::start(&guest, cache).await?;
        tokio::select! {
            answer = scene.chat("auto", true) => bail!("it was answered: {answer:?}"),
            inside = scene.occupied() => inside?,
        }
        scene.settled().await?;
        answered(&scene.chat("house/echo", true).await?)?;
        scene.stop().await
    });
}

#[test]
fn spins_in_frames() {
    let guest = Guest::provider("spins_in_frames").limits("cpu_ms = 500");
    outpaced(&guest, "plugin-cpu", "in `frames`: it ran for more than its 500 ms of CPU time");
}

#[test]
fn spins_in_decide() {
    let guest = Guest::policy("spins_in_decide");
    is_passed_over(&guest, "plugin-cpu: it ran for more than its 100 ms of CPU time");
}

#[test]
fn calls_the_host_for_ever() {
    let guest = Guest::provider("calls_the_host_for_ever");
    fails(&guest, "plugin-host-calls", "it called the host more than 10000 times");
}

// Those that want more than there is.

#[test]
fn floods_get() {
    fails(&Guest::provider("floods_get"), "plugin-host-calls", "more than 10000 times");
}

#[test]
fn floods_logs() {
    fails(&Guest::provider("floods_logs"), "plugin-log-lines", "past its 100 lines a second");
}

#[test]
fn floods_handles() {
    fails(&Guest::provider("floods_handles"), "plugin-handles", "more than its 1024 handles");
}

#[test]
fn grows_memory() {
    let guest = Guest::provider("grows_memory");
    fails(&guest, "plugin-memory", "more than its 33554432 bytes of memory");
    goes_back_to_where_it_was(&guest);
}

#[test]
fn grows_its_table() {
    let guest = Guest::provider("grows_its_table");
    fails(&guest, "plugin-tables", "more than their 20000 elements");
}

#[test]
fn overflows_its_stack() {
    fails(&Guest::provider("overflows_its_stack"), "plugin-stack", "its call stack overflowed");
}

// Those that break down.

#[test]
fn traps() {
    fails(&Guest::provider("traps"), "plugin-trapped", "unreachable");
}

/// The client has some of the answer by then: nothing is tried again, and it is told.
#[test]
fn traps_in_second_frames() {
    on_any_executor(async |cache| {
        let scene = Scene::start(&Guest::provider("traps_in_second_frames"), cache).await?;
        let answer = scene.chat("auto", true).await?;
        ensure!(answer.candidate == "hostile/m", "{answer:?}");
        let events = answer.events();
        ensure!(events[0].contains("The answer is "), "{events:?}");
        let last = events.last().copied().unwrap_or_default();
        ensure!(last.starts_with("{\"error\":"), "{events:?}");
        ensure!(!answer.body.contains("[DONE]"), "{events:?}");
        let record = scene.record("auto")?;
        ensure!(record.failure.as_deref() == Some("plugin-trapped"), "{record:?}");
        ensure!(record.tried.len() == 1, "{record:?}");
        scene.settled().await?;
        scene.stop().await
    });
}

/// Nobody calls the destructor: the memory in which it would run is thrown away.
#[test]
fn traps_when_dropped() {
    on_any_executor(async |cache| {
        let scene = Scene::start(&Guest::provider("traps_when_dropped"), cache).await?;
        let answer = scene.chat("auto", true).await?;
        ensure!(answer.candidate == "hostile/m" && answer.body.contains("[DONE]"), "{answer:?}");
        scene.settled().await?;
        scene.stop().await
    });
}

#[test]
fn panics_with_a_long_message() {
    let guest = Guest::provider("panics_with_a_long_message");
    fails(&guest, "plugin-memory", "more than its 33554432 bytes");
    let roomy = guest.limits("memory = \"256MiB\"\ncpu_ms = 5000\ndeadline_ms = 20000");
    fails(&roomy, "plugin-output", "it handed over more than its 16777216 bytes");
    goes_back_to_where_it_was(&roomy);
}

#[test]
fn panics_in_decide() {
    is_passed_over(&Guest::policy("panics_in_decide"), "plugin-trapped: it trapped");
}

// Those that answer too much.

#[test]
fn returns_ten_million_events() {
    fails(&Guest::provider("returns_ten_million_events"), "plugin-memory", "33554432 bytes");
}

#[test]
fn returns_many_events() {
    let guest = Guest::provider("returns_many_events").limits("memory = \"128MiB\"\ncpu_ms = 5000");
    fails(&guest, "plugin-output", "16777216 bytes");
    goes_back_to_where_it_was(&guest);
}

#[test]
fn returns_seven_million_events() {
    let guest = Guest::provider("returns_seven_million_events");
    fails(&guest, "plugin-memory", "33554432 bytes");
    let roomy = guest.limits("memory = \"1GiB\"");
    fails(&roomy, "plugin-output", "16777216 bytes");
    goes_back_to_where_it_was(&roomy);
}

#[test]
fn returns_a_gigabyte() {
    let guest = Guest::provider("returns_a_gigabyte");
    fails(&guest, "plugin-memory", "33554432 bytes");
    let roomy = guest.limits("memory = \"1GiB\"");
    fails(&roomy, "plugin-output", "16777216 bytes");
    goes_back_to_where_it_was(&roomy);
}

#[test]
fn claims_a_gigabyte() {
    fails(&Guest::provider("claims_a_gigabyte"), "plugin-malformed", "out of bounds");
}

#[test]
fn amplifies_a_list() {
    let guest = Guest::provider("amplifies_a_list");
    fails(&guest, "plugin-output", "16777216 bytes");
    goes_back_to_where_it_was(&guest);
}

#[test]
fn plans_ten_million_attempts() {
    is_passed_over(&Guest::policy("plans_ten_million_attempts"), "33554432 bytes of memory");
}

// Those that ask for what they were not given.

#[test]
fn asks_for_kv() {
    cannot_be_loaded(
        &Guest::policy("asks_for_kv"),
        "its plugin.toml does not ask for it; its author would add \"kv\" to `capabilities`",
    );
    cannot_be_loaded(
        &Guest::policy("asks_for_kv").asks(&["kv"]),
        "which is not granted; add \"kv\" to its `grants`",
    );
}

#[test]
fn floods_kv() {
    let guest = Guest::policy("floods_kv").asks(&["kv"]).grants("\"kv\"");
    let keys = guest.clone().limits("kv_keys = 20");
    is_passed_over(&keys, "QuotaExceeded after 20, TooLarge, TooLarge");
    // A key of four bytes and a value of 1,020.
    is_passed_over(&guest.limits("kv_bytes = \"64KiB\""), "QuotaExceeded after 64,");
}

#[test]
fn imports_wasi() {
    cannot_be_loaded(
        &Guest::provider("imports_wasi").asks(&["log"]),
        "`wasi:filesystem/preopens@0.2.0`, but its plugin.toml does not ask for it",
    );
    let found = "folders 0, variables 0, arguments 0, here None, socket access-denied";
    fails(&Guest::provider("imports_wasi"), "other", found);
}

#[test]
fn describes_differently_each_time() {
    cannot_be_loaded(
        &Guest::provider("describes_differently_each_time"),
        "`describe` is not a pure function: asked twice, it answered differently",
    );
}

#[test]
fn sets_authorization() {
    const NAMES: &[&str] =
        &["authorization", "Authorization", "proxy-authorization", "cookie", "x-forwarded-for"];
    each_is_denied(Guest::provider("sets_authorization").models(NAMES), "the host's to set");
}

#[test]
fn leaves_the_address() {
    const PATHS: &[&str] = &[
        "two-slashes",
        "at",
        "absolute",
        "port",
        "backslashes",
        "slash-backslash",
        "line-break",
        "parents",
        "encoded-parents",
        "space",
        "empty",
    ];
    each_is_denied(Guest::provider("leaves_the_address").models(PATHS), "the path");
    const HEADERS: &[&str] =
        &["header-line-break", "header-name-line-break", "host", "length", "chunked"];
    each_is_denied(Guest::provider("leaves_the_address").models(HEADERS), "header");
    const METHODS: &[&str] = &["method", "method-line-break"];
    each_is_denied(Guest::provider("leaves_the_address").models(METHODS), "the method");
}

/// Each model of the guest is a call that may not be made, and nothing of it is sent.
fn each_is_denied(guest: Guest, message: &str) {
    fails(&guest, "plugin-denied", message);
    on_any_executor(async |cache| {
        let scene = Scene::start(&guest, cache).await?;
        for model in guest.models {
            let model = format!("hostile/{model}");
            let answer = scene.chat(&model, false).await?;
            ensure!(answer.status >= 400, "{model}: {answer:?}");
            let record = scene.record(&model)?;
            ensure!(record.failure.as_deref() == Some("plugin-denied"), "{record:?}");
            let said = record.tried[0].message.clone().unwrap_or_default();
            ensure!(said.contains(message), "{model}: {said}");
            ensure!(record.message == record.tried[0].message, "{record:?}");
        }
        let sent = scene.upstream.requests();
        ensure!(sent.is_empty(), "{sent:?}");
        scene.settled().await?;
        scene.stop().await
    });
}

// Those whose answer is no answer.

#[test]
fn emits_invalid_utf8() {
    fails(&Guest::provider("emits_invalid_utf8"), "plugin-malformed", "utf-8");
}

#[test]
fn emits_a_nan() {
    on_any_executor(async |cache| {
        let scene = Scene::start(&Guest::provider("emits_a_nan"), cache).await?;
        let body = json!({ "model": "vectors", "input": "hello", "encoding_format": "float" });
        let answer = scene.post("/v1/embeddings", &body).await?;
        ensure!(answer.candidate == "house/embed", "{answer:?}");
        let record = scene.record("vectors")?;
        ensure!(record.tried[0].failure.as_deref() == Some("plugin-malformed"), "{record:?}");
        scene.settled().await?;
        scene.stop().await
    });
}

/// What comes after the end is not shown.
#[test]
fn emits_after_the_end() {
    on_any_executor(async |cache| {
        let scene = Scene::start(&Guest::provider("emits_after_the_end"), cache).await?;
        for streaming in [true, false] {
            let answer = scene.chat("auto", streaming).await?;
            ensure!(answer.status == 200, "{answer:?}");
            ensure!(!answer.body.contains("another thing"), "{answer:?}");
            ensure!(answer.body.matches("\"stop\"").count() == 1, "{answer:?}");
            let remarks = scene.record("auto")?.remarks.join("; ");
            ensure!(remarks == "the plugin went on after the end of its answer", "{remarks}");
        }
        scene.settled().await?;
        scene.stop().await
    });
}

/// There is no room for an answer of that number, and none is made.
#[test]
fn emits_huge_indices() {
    on_any_executor(async |cache| {
        let scene = Scene::start(&Guest::provider("emits_huge_indices"), cache).await?;
        for streaming in [true, false] {
            let answer = scene.chat("auto", streaming).await?;
            ensure!(answer.status == 200, "{answer:?}");
            ensure!(!answer.body.contains("far out"), "{answer:?}");
            ensure!(!answer.body.contains("4294967295"), "{answer:?}");
            let remarks = scene.record("auto")?.remarks.join("; ");
            ensure!(remarks.contains("past 127"), "{remarks}");
        }
        scene.settled().await?;
        scene.stop().await
    });
}

#[test]
fn asks_again_for_ever() {
    let guest = Guest::provider("asks_again_for_ever");
    fails(&guest, "plugin-malformed", "wants more than 16 calls for an answer");
}

// What one request leaves behind, no other finds.

#[test]
fn remembers() {
    let ends = on_two_workers(async {
        let scene = Scene::start(&Guest::provider("remembers"), Path::new(check::CACHE)).await?;
        let mut said = Vec::new();
        for _ in 0..3 {
            scene.chat("hostile/m", false).await?;
            let record = scene.record("hostile/m")?;
            said.push(record.tried.last().and_then(|tried| tried.message.clone()));
        }
        scene.stop().await?;
        Ok(said)
    });
    let first = Some("request 1 of this memory".to_owned());
    assert_eq!(ends.expect("three answers"), [first.clone(), first.clone(), first]);
}

/// What rests on chance is decided each time, however often the same is asked.
#[test]
fn draws_lots() {
    let lots = on_two_workers(async {
        let scene = Scene::start(&Guest::policy("draws_lots"), Path::new(check::CACHE)).await?;
        let mut lots = Vec::new();
        for _ in 0..3 {
            answered(&scene.chat("auto", false).await?)?;
            lots.extend(scene.record("auto")?.labels.first().cloned());
        }
        let generation = scene.running.gateway.deployment().policies[0].plugin.pin();
        ensure!(generation.value.memory.as_ref().is_some_and(|memory| memory.recalled() == 0));
        drop(generation);
        scene.stop().await?;
        Ok(lots)
    });
    let mut lots = lots.expect("three answers");
    lots.dedup();
    assert_eq!(lots.len(), 3, "{lots:?}");
}

// Those that talk too much: what is said of a request is kept for a while, and logged.

#[test]
fn fails_at_length() {
    fails(&Guest::provider("fails_at_length"), "other", "sorry sorry");
    is_kept_short(&Guest::provider("fails_at_length"));
}

#[test]
fn explains_at_length() {
    is_kept_short(&Guest::policy("explains_at_length"));
}

#[test]
fn objects_at_length() {
    is_passed_over(&Guest::policy("objects_at_length"), "undecided: because because");
    is_kept_short(&Guest::policy("objects_at_length"));
}

#[test]
fn labels_at_length() {
    is_kept_short(&Guest::policy("labels_at_length"));
}

/// The client is told what its answer does not rest on, and no more than a header can hold.
#[test]
fn leaves_fields_out() {
    const MODELS: &[&str] = &["two", "many", "none"];
    on_any_executor(async |cache| {
        let guest = Guest::provider("leaves_fields_out").models(MODELS);
        let scene = Scene::start(&guest, cache).await?;
        for streaming in [true, false] {
            let answer = scene.chat("hostile/two", streaming).await?;
            ensure!(answer.dropped == "seed, logprobs", "{answer:?}");
            let remarks = scene.record("hostile/two")?.remarks.join("; ");
            ensure!(remarks.ends_with("has no place for it: seed, logprobs"), "{remarks}");
            for model in ["hostile/many", "hostile/none"] {
                let answer = scene.chat(model, streaming).await?;
                ensure!(answer.status == 200 && answer.dropped.is_empty(), "{answer:?}");
                let kept = scene.record(model)?.remarks.concat().len();
                ensure!(kept < 64 << 10, "{kept} bytes are kept");
            }
        }
        scene.settled().await?;
        scene.stop().await
    });
}

// Policies that plan what cannot be done.

#[test]
fn names_unknown_candidates() {
    is_passed_over(&Guest::policy("names_unknown_candidates"), "there is none");
}

#[test]
fn reads_past_the_candidates() {
    is_passed_over(
        &Guest::policy("reads_past_the_candidates"),
        "it asked for candidate 4294967295",
    );
}

#[test]
fn plans_nothing() {
    is_passed_over(&Guest::policy("plans_nothing"), "nothing of its plan was left");
}

#[test]
fn plans_many_attempts() {
    is_kept_short(&Guest::policy("plans_many_attempts"));
}

/// It may: it is the operator's. Its words go to the sender, and nobody is asked.
#[test]
fn refuses_everything() {
    on_any_executor(async |cache| {
        let scene = Scene::start(&Guest::policy("refuses_everything"), cache).await?;
        let answer = scene.post("/v1/chat/completions", &chat("auto", true)).await?;
        ensure!((400..500).contains(&answer.status), "{answer:?}");
        ensure!(answer.json()["error"]["message"] == "not today", "{answer:?}");
        ensure!(scene.upstream.requests().is_empty());
        scene.settled().await?;
        scene.stop().await
    });
}
