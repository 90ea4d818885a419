//! What follows from each way in which an upstream can fail: who is asked next, how often, how
//! long anybody waits, and what the client and the operator are told.

use crate::caller::{Caller, Http, JSON, Reply, error_of};
use crate::house::{House, chat, kinds, provider, route, text_of, until};
use anyhow::{Context, Result, ensure};
use http::{Method, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use portcullis::circuit;
use portcullis::record::End;
use portcullis_tests::process::on_two_workers;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

const CHAT: &str = "/v1/chat/completions";
const IMPATIENT: &str = "timeouts = { first_byte = \"150ms\", between_chunks = \"150ms\" }";

/// A house of which the first candidate is `first` and the second echoes.
async fn pair(house: &str, first: &str) -> Result<House> {
    let second = provider("spare", "");
    let route = route(&[&format!("house/{first}"), "spare/echo-spare"], "");
    House::open(&[house, &second, &route].concat()).await
}

fn answered_by(answer: &Reply, candidate: &str, streaming: bool) -> Result<()> {
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(answer.header("x-portcullis-candidate") == candidate, "{answer:?}");
    let whole =
        |whole: Value| whole["choices"][0]["message"]["content"].as_str().map(str::to_owned);
    let text = match streaming {
        true => text_of(&answer.events()?)?,
        false => whole(answer.json()?).unwrap_or_default(),
    };
    ensure!(text.starts_with("You said: one two three") && text.ends_with("the end."), "{text}");
    Ok(())
}

#[test]
fn the_next_candidate_answers_for_each_that_fails() -> Result<()> {
    // The script, the word of its failure, how often it is asked.
    let cases = [
        ("error-500", "upstream", 2),
        ("error-503", "overloaded", 2),
        ("error-529", "overloaded", 2),
        ("error-429", "rate-limited", 2),
        ("error-401", "authentication", 1),
        ("error-403", "permission", 1),
        ("error-404", "not-found", 1),
        ("quota", "quota-exhausted", 1),
        ("context-too-long", "context-too-long", 1),
        ("cut-after-0", "upstream", 1),
        ("cut-after-1", "upstream", 1),
        ("not-json", "malformed", 1),
        ("empty", "malformed", 1),
        ("redirect", "malformed", 1),
        ("error-first", "upstream", 2),
        ("silent", "timed-out", 1),
        ("stall", "timed-out", 1),
    ];
    on_two_workers(async {
        for lines in kinds(IMPATIENT) {
            for (script, word, times) in cases {
                let house = pair(&lines, script).await?;
                for streaming in [true, false] {
                    falls_back(&house, script, streaming, word, times)
                        .await
                        .with_context(|| format!("{script}, streaming: {streaming}, {lines}"))?;
                }
                house.settled().await?;
            }
        }
        Ok(())
    })
}

async fn falls_back(
    house: &House,
    script: &str,
    streaming: bool,
    word: &str,
    times: usize,
) -> Result<()> {
    house.upstream.reset();
    // What the one before did to the circuit is another test's business.
    house.candidate(0).circuit.succeeded();
    let answer = house.chat("auto", streaming).await?;
    answered_by(&answer, "spare/echo-spare", streaming)?;
    let record = house.record("auto").await?;
    let (last, failed) = record.tried.split_last().context("nobody was asked")?;
    ensure!(last.failure.is_none(), "{record:?}");
    ensure!(failed.len() == times, "{record:?}");
    for tried in failed {
        ensure!(tried.candidate == format!("house/{script}"), "{tried:?}");
        ensure!(tried.failure.as_deref() == Some(word), "expected {word}: {tried:?}");
        ensure!(tried.message.is_some(), "{tried:?}");
    }
    ensure!(house.calls(script) == times, "it was asked {} times", house.calls(script));
    ensure!(record.end == Some(End::Finished), "{record:?}");
    ensure!(answer.header("x-portcullis-attempts") == (times + 1).to_string(), "{answer:?}");
    // A redirect is not followed.
    let calls = house.upstream.requests();
    ensure!(calls.iter().all(|call| call.path == CHAT), "{calls:?}");
    Ok(())
}

#[test]
fn nobody_at_the_address_is_one_more_failure() -> Result<()> {
    on_two_workers(async {
        // A port that was free a moment ago.
        let nobody = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let house = provider("house", &format!("base_url = \"http://{nobody}/v1\""));
        let house = pair(&house, "echo").await?;
        answered_by(&house.chat("auto", true).await?, "spare/echo-spare", true)?;
        let record = house.record("auto").await?;
        ensure!(record.tried[0].failure.as_deref() == Some("upstream"), "{record:?}");
        let refused = house.chat("house/echo", true).await?;
        refused.refused(502, "upstream_error")?;
        ensure!(refused.header("x-should-retry") == "false", "it was tried twice: {refused:?}");
        Ok(())
    })
}

#[test]
fn a_handshake_that_never_ends_is_not_waited_for() -> Result<()> {
    on_two_workers(async {
        // The system takes the connection, and nobody ever says a word over it.
        let silent = TcpListener::bind("127.0.0.1:0").await?;
        let lines = format!(
            "base_url = \"https://{}/v1\"\ntimeouts = {{ connect = \"100ms\" }}",
            silent.local_addr()?
        );
        let house = pair(&provider("house", &lines), "echo").await?;
        answered_by(&house.chat("auto", true).await?, "spare/echo-spare", true)?;
        let record = house.record("auto").await?;
        ensure!(record.tried[0].failure.as_deref() == Some("timed-out"), "{record:?}");
        let message = record.tried[0].message.as_deref().unwrap_or_default();
        ensure!(message.contains("within 100ms"), "{message}");
        house.chat("house/echo", false).await?.refused(504, "timed_out")?;
        Ok(())
    })
}

#[test]
fn nothing_is_tried_again_after_the_first_content() -> Result<()> {
    let cases = [
        ("cut-after-3", "upstream_error", "upstream"),
        ("cut-after-5", "upstream_error", "upstream"),
        ("error-midstream", "model_exploded", "upstream"),
        ("no-finish", "malformed_answer", "malformed"),
    ];
    on_two_workers(async {
        for lines in kinds("") {
            for (script, code, word) in cases {
                let house = pair(&lines, script).await?;
                breaks_off(&house, script, code, word)
                    .await
                    .with_context(|| format!("{script}, {lines}"))?;
            }
        }
        Ok(())
    })
}

async fn breaks_off(house: &House, script: &str, code: &str, word: &str) -> Result<()> {
    let answer = house.chat("auto", true).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let events = answer.events()?;
    let last: Value = serde_json::from_str(events.last().context("no events")?)
        .with_context(|| format!("{events:?}"))?;
    ensure!(error_of(&last)?["code"] == code, "{last}");
    ensure!(!events.iter().any(|event| event == "[DONE]"), "{events:?}");
    ensure!(events.len() >= 2, "content comes before it: {events:?}");
    ensure!(house.calls(script) == 1, "it was asked again");
    ensure!(house.calls("echo-spare") == 0, "the next was asked");
    let record = house.record("auto").await?;
    ensure!(record.end == Some(End::Failed), "{record:?}");
    ensure!(record.failure.as_deref() == Some(word), "{record:?}");
    house.settled().await
}

#[test]
fn what_is_the_clients_own_fault_is_said_at_once() -> Result<()> {
    on_two_workers(async {
        for lines in kinds("") {
            for script in ["error-400", "error-422"] {
                let house = pair(&lines, script).await?;
                for streaming in [true, false] {
                    let answer = house.chat("auto", streaming).await?;
                    let message = answer.refused(400, "invalid_request_error")?;
                    ensure!(message.contains("scripted 4"), "the upstream's words: {message}");
                    let record = house.record("auto").await?;
                    ensure!(record.tried.len() == 1, "{record:?}");
                    ensure!(record.failure.as_deref() == Some("invalid-request"), "{record:?}");
                }
                ensure!(house.calls("echo-spare") == 0, "{script}: the next was asked");
                let circuit = house.candidate(0).circuit.state();
                ensure!(circuit == circuit::State::Closed, "it is no fault of the candidate's");
            }
        }
        Ok(())
    })
}

#[test]
fn each_failure_of_the_last_candidate_has_its_status_and_code() -> Result<()> {
    // The script, the status, the code, and what `x-should-retry` says.
    let cases = [
        ("error-400", 400, "invalid_request_error", ""),
        ("error-401", 502, "upstream_authentication", ""),
        ("error-403", 502, "upstream_permission", ""),
        ("error-404", 404, "model_not_found", ""),
        ("error-429", 429, "rate_limit_exceeded", ""),
        ("error-500", 502, "server_error", "false"),
        ("quota", 429, "insufficient_quota", "false"),
        ("context-too-long", 400, "context_length_exceeded", ""),
        ("not-json", 502, "malformed_answer", ""),
        ("empty", 502, "malformed_answer", ""),
        ("redirect", 502, "malformed_answer", ""),
        ("cut-after-1", 502, "upstream_error", ""),
        ("silent", 504, "timed_out", ""),
        ("stall", 504, "timed_out", ""),
    ];
    on_two_workers(async {
        for lines in kinds(IMPATIENT) {
            for (script, status, code, should_retry) in cases {
                for streaming in [true, false] {
                    let house = House::open(&lines).await?;
                    let model = format!("house/{script}");
                    let answer = house.chat(&model, streaming).await?;
                    answer.refused(status, code).with_context(|| model.clone())?;
                    let said = answer.header("x-should-retry");
                    ensure!(said == should_retry, "{model}: {answer:?}");
                    let record = house.record(&model).await?;
                    ensure!(record.end == Some(End::Failed), "{model}: {record:?}");
                    house.settled().await?;
                }
            }
        }
        Ok(())
    })
}

#[test]
fn the_same_candidate_is_tried_again_when_that_may_help() -> Result<()> {
    on_two_workers(async {
        for lines in kinds("") {
            let house = pair(&lines, "flaky-1").await?;
            let began = Instant::now();
            answered_by(&house.chat("auto", true).await?, "house/flaky-1", true)?;
            ensure!(house.calls("flaky-1") == 2 && house.calls("echo-spare") == 0);
            // It asked for 20 ms, and got them.
            ensure!(began.elapsed() >= Duration::from_millis(20), "{:?}", began.elapsed());
            let record = house.record("auto").await?;
            let words: Vec<_> = record.tried.iter().map(|it| it.failure.as_deref()).collect();
            ensure!(words == [Some("overloaded"), None], "{record:?}");
        }
        Ok(())
    })
}

#[test]
fn retry_after_is_obeyed_and_passed_on() -> Result<()> {
    on_two_workers(async {
        let house = pair(&provider("house", ""), "error-429").await?;
        answered_by(&house.chat("auto", false).await?, "spare/echo-spare", false)?;
        let calls = house.upstream.requests();
        let (first, second) = (&calls[0], &calls[1]);
        ensure!(first.model == "error-429" && second.model == "error-429", "{calls:?}");
        let pause = second.received - first.received;
        ensure!(pause >= Duration::from_millis(20), "it asked for 20 ms: {pause:?}");
        ensure!(pause < Duration::from_millis(900), "retry-after-ms is the finer: {pause:?}");
        let refused = house.chat("house/error-429", false).await?;
        refused.refused(429, "rate_limit_exceeded")?;
        ensure!(refused.header("retry-after-ms") == "20", "{refused:?}");
        ensure!(refused.header("retry-after") == "1", "{refused:?}");
        Ok(())
    })
}

// Circuits.

#[test]
fn a_candidate_that_fails_in_a_row_is_passed_over_until_it_is_well() -> Result<()> {
    on_two_workers(async {
        let house = pair(&provider("house", ""), "error-500").await?;
        let candidate = house.candidate(0);
        // Two attempts each, until the fifth failure opens it.
        for _ in 0..3 {
            ensure!(candidate.circuit.state() == circuit::State::Closed);
            answered_by(&house.chat("auto", true).await?, "spare/echo-spare", true)?;
        }
        ensure!(candidate.circuit.state() == circuit::State::Open);
        let before = house.calls("error-500");
        ensure!((5..=6).contains(&before), "{before}");
        let answer = house.chat("auto", true).await?;
        answered_by(&answer, "spare/echo-spare", true)?;
        ensure!(answer.header("x-portcullis-attempts") == "1", "{answer:?}");
        ensure!(house.calls("error-500") == before, "an open circuit lets nothing through");
        // Who names it hears from itself how it is.
        house.chat("house/error-500", true).await?.refused(502, "server_error")?;
        ensure!(house.calls("error-500") == before + 1, "the only one is asked, and once");
        candidate.circuit.succeeded();
        house.chat("auto", true).await?;
        ensure!(house.calls("error-500") == before + 3, "it is well again");
        Ok(())
    })
}

/// A house whose first candidate may be tried once, to see whether it is well again.
async fn half_open(script: &str) -> Result<House> {
    let house = pair(&provider("house", ""), script).await?;
    let circuit = house.candidate(0).circuit.clone();
    circuit.failed(Some(Duration::from_millis(1)));
    until(|| circuit.state() == circuit::State::HalfOpen).await?;
    Ok(house)
}

#[test]
fn a_circuit_that_is_half_open_lets_one_try() -> Result<()> {
    const SLOW: &str = "slow-head-300ms";
    on_two_workers(async {
        let house = half_open(SLOW).await?;
        let meanwhile = async {
            house.upstream.wait_request(SLOW).await;
            answered_by(&house.chat("auto", false).await?, "spare/echo-spare", false)
        };
        let (first, meanwhile) = tokio::join!(house.chat("auto", false), meanwhile);
        meanwhile.context("while another tries")?;
        answered_by(&first?, "house/slow-head-300ms", false)?;
        let circuit = house.candidate(0).circuit.state();
        ensure!(circuit == circuit::State::Closed, "{circuit:?}");
        Ok(())
    })
}

#[test]
fn a_trial_that_fails_is_one_call_and_not_two() -> Result<()> {
    on_two_workers(async {
        let house = half_open("error-500").await?;
        answered_by(&house.chat("auto", false).await?, "spare/echo-spare", false)?;
        let circuit = house.candidate(0).circuit.state();
        ensure!(circuit == circuit::State::Open, "{circuit:?}");
        let calls = house.calls("error-500");
        ensure!(calls == 1, "half open lets one request through, not {calls}");
        Ok(())
    })
}

#[test]
fn when_every_circuit_is_open_the_first_is_asked_all_the_same() -> Result<()> {
    on_two_workers(async {
        let house = pair(&provider("house", ""), "echo").await?;
        for index in [0, 1] {
            house.candidate(index).circuit.failed(Some(Duration::from_secs(60)));
        }
        answered_by(&house.chat("auto", true).await?, "house/echo", true)
    })
}

// Time.

/// A stream that goes on for longer than it may ends in an error event; where nothing has been
/// said yet, it is a status.
async fn is_bounded(text: &str) -> Result<()> {
    let house = House::open(text).await?;
    let answer = house.chat("auto", true).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let events = answer.events()?;
    ensure!(events.len() > 2, "content comes first: {events:?}");
    let last: Value = serde_json::from_str(events.last().context("no events")?)
        .with_context(|| format!("it was not ended: {events:?}"))?;
    ensure!(error_of(&last)?["code"] == "timed_out", "{last}");
    house.settled().await?;
    let record = house.record("auto").await?;
    ensure!(record.end == Some(End::Failed), "{record:?}");
    house.chat("slow", true).await?.refused(504, "timed_out")?;
    house.chat("slow", false).await?.refused(504, "timed_out")?;
    house.settled().await
}

const SLOW_ROUTE: &str =
    "[routes.slow]\npolicies = []\ncandidates = [\"house/slow-head-60000ms\"]\n";
const WHOLE: &str = "timeouts = { whole = \"600ms\" }\n";

#[test]
fn the_time_of_a_whole_request_is_bounded_by_its_route() -> Result<()> {
    on_two_workers(async {
        for lines in kinds("") {
            let route = route(&["house/echo-100ms"], WHOLE);
            is_bounded(&[&lines, &*route, SLOW_ROUTE, WHOLE].concat()).await?;
        }
        Ok(())
    })
}

#[test]
fn the_time_of_a_whole_request_is_bounded_by_its_provider() -> Result<()> {
    on_two_workers(async {
        for lines in kinds(WHOLE) {
            let route = route(&["house/echo-100ms"], "");
            is_bounded(&[&lines, &*route, SLOW_ROUTE].concat()).await?;
        }
        Ok(())
    })
}

// Bounds on what is under way.

#[test]
fn more_requests_than_the_server_takes_are_sent_away_with_a_time() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&format!("concurrency = 1\n{}", provider("house", ""))).await?;
        let mut caller = house.caller(Http::One).await?;
        let body = chat("house/echo-50ms", true).to_string();
        let request = caller.request(Method::POST, CHAT, &[JSON], body)?;
        let stream = caller.begin(request).await?;
        let refused = house.chat("house/echo", true).await?;
        refused.refused(503, "overloaded")?;
        ensure!(refused.header("retry-after") == "1", "{refused:?}");
        // The list of models takes no place.
        ensure!(house.caller(Http::One).await?.get("/v1/models").await?.status == 200);
        stream.into_body().collect().await?;
        house.settled().await?;
        ensure!(house.chat("house/echo", true).await?.status == 200);
        Ok(())
    })
}

/// A stream that takes the one place there is, so that the next request goes to the spare.
async fn taken(house: &House) -> Result<(Caller, Response<Incoming>)> {
    let mut caller = house.caller(Http::One).await?;
    let request = caller.request(Method::POST, CHAT, &[JSON], chat("auto", true).to_string())?;
    let stream = caller.begin(request).await?;
    answered_by(&house.chat("auto", true).await?, "spare/echo-spare", true)?;
    let record = house.record("auto").await?;
    ensure!(record.tried[0].failure.as_deref() == Some("passed-over"), "{record:?}");
    Ok((caller, stream))
}

#[test]
fn more_calls_than_a_provider_takes_go_to_the_next() -> Result<()> {
    on_two_workers(async {
        let house = pair(&provider("house", "concurrency = 1"), "echo-50ms").await?;
        let (_caller, stream) = taken(&house).await?;
        let refused = house.chat("house/echo", true).await?;
        refused.refused(503, "overloaded")?;
        ensure!(refused.header("retry-after") == "1", "when to come again: {refused:?}");
        stream.into_body().collect().await?;
        house.settled().await?;
        answered_by(&house.chat("auto", true).await?, "house/echo-50ms", true)
    })
}

#[test]
fn more_calls_than_a_model_takes_go_to_the_next() -> Result<()> {
    on_two_workers(async {
        let bounded = "models = [{ id = \"echo-50ms\", concurrency = 1 }, \"echo\"]";
        let house = pair(&provider("house", bounded), "echo-50ms").await?;
        let (caller, stream) = taken(&house).await?;
        let message = house.chat("house/echo-50ms", true).await?.refused(503, "overloaded")?;
        ensure!(message.contains("the model has as many calls"), "{message}");
        // It says nothing of other models, nor does who is passed over look ill.
        answered_by(&house.chat("house/echo", true).await?, "house/echo", true)?;
        ensure!(house.candidate(0).signals.performance().error_rate == 0.0);
        // A configuration that leaves it as it is leaves its calls counted.
        house.rewrite(&[provider("house", bounded), provider("new", "")].concat())?;
        house.reload().await?;
        house.chat("house/echo-50ms", true).await?.refused(503, "overloaded")?;
        stream.into_body().collect().await?;
        drop(caller);
        house.settled().await?;
        answered_by(&house.chat("house/echo-50ms", true).await?, "house/echo-50ms", true)
    })
}
