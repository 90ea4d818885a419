//! Limits: what is spent, by whom, and what becomes of a request for which nothing is left.

use crate::caller::{Caller, Http, JSON, Reply};
use crate::house::{House, chat, provider, until};
use anyhow::{Context, Result, ensure};
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use portcullis_ledger::{Ledger, Listing, Usage};
use portcullis_sandbox::Digest;
use portcullis_test_postgres::Postgres;
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};
use std::time::SystemTime;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

pub(crate) const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const LEDGER: &str = "[ledger]\nurl = \"sqlite:kept.db\"\n";
/// Dear, cheap, and for nothing.
pub(crate) const MODELS: &str = "models = [{ id = \"dear--echo\", input_price = 100, output_price = 200 }, \
    { id = \"echo\", input_price = 1, output_price = 2 }, \
    { id = \"free--echo\", input_price = 0, output_price = 0 }, \
    { id = \"free--silent\", input_price = 0, output_price = 0 }, \
    { id = \"silent\", input_price = 1, output_price = 2 }, \
    { id = \"no-usage\", input_price = 1, output_price = 2 }, \
    { id = \"echo-slow\", input_price = 1, output_price = 2 }, \
    { id = \"unpriced--echo\" }]\n";

/// A tenant with one key, whose secret is `pk-NAME`.
pub(crate) fn tenant(name: &str, further: &str) -> String {
    let digest = Digest::of(format!("pk-{name}").as_bytes());
    format!("[tenants.{name}]\n{further}\nkeys = [{{ id = \"{name}\", digest = \"{digest}\" }}]\n")
}

pub(crate) fn route(name: &str, candidates: &[&str], further: &str) -> String {
    format!("[routes.{name}]\npolicies = []\ncandidates = {candidates:?}\n{further}\n")
}

/// A house of two tenants and a part of the first one, with these limits and further tables.
pub(crate) fn text(ledger: &str, limits: &str) -> String {
    let tenants = [tenant("acme", ""), tenant("lab", "parent = \"acme\""), tenant("other", "")];
    [ledger, &provider("house", MODELS), &tenants.concat(), limits].concat()
}

pub(crate) async fn open(limits: &str) -> Result<House> {
    House::open(&text(LEDGER, limits)).await
}

pub(crate) fn question(model: &str, streaming: bool) -> Value {
    let mut body = chat(model, streaming);
    body["max_tokens"] = 20.into();
    body
}

pub(crate) async fn ask_for(
    house: &House,
    secret: &str,
    path: &str,
    body: &Value,
) -> Result<Reply> {
    let mut caller = house.caller(Http::One).await?;
    let headers = [JSON, ("x-api-key", secret)];
    let request = caller.request(Method::POST, path, &headers, body.to_string())?;
    caller.ask(request).await
}

pub(crate) async fn ask(house: &House, secret: &str, model: &str) -> Result<Reply> {
    ask_for(house, secret, CHAT, &question(model, false)).await
}

pub(crate) fn ledger(house: &House) -> Result<Ledger> {
    let registry = house.running.gateway.registry.as_ref();
    Ok(registry.context("there is no ledger")?.ledger.clone())
}

/// All entries, as soon as there are so many.
pub(crate) async fn entries(house: &House, most: usize) -> Result<Vec<Usage>> {
    let ledger = ledger(house)?;
    let listing = Listing { to: i64::MAX, most: 1_000, ..Listing::default() };
    let waiting = async {
        loop {
            let found = ledger.usage_entries(&listing).await?;
            if found.len() >= most {
                break anyhow::Ok(found.into_iter().map(|listed| listed.usage).collect());
            }
        }
    };
    let found: Vec<Usage> = tokio::time::timeout(crate::caller::PATIENCE, waiting).await??;
    ensure!(found.len() == most, "{most} entries were expected: {found:#?}");
    Ok(found)
}

/// Begins a stream, and keeps it as long as what is returned.
pub(crate) async fn begin(house: &House) -> Result<(Caller, Response<Incoming>)> {
    let mut caller = house.caller(Http::One).await?;
    let headers = [JSON, ("x-api-key", "pk-acme")];
    let body = question("house/echo-slow", true).to_string();
    let request = caller.request(Method::POST, CHAT, &headers, body)?;
    let response = caller.begin(request).await?;
    ensure!(response.status() == 200, "{response:?}");
    Ok((caller, response))
}

fn minute() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.as_secs() / 60
}

/// Does it again where a minute went by in the middle of it.
async fn within_a_minute(test: impl AsyncFn() -> Result<()>) -> Result<()> {
    loop {
        let began = minute();
        let done = test().await;
        if minute() == began {
            return done;
        }
    }
}

const DAY: &str = "[limits.acme-day]\ntenant = \"acme\"\nusd = 0.0003\nper = \"day\"\n";

#[test]
fn a_budget_is_spent_by_every_dialect_and_stays_spent_over_a_restart() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let file = files.path().join("kept.db");
        let text = text(&format!("[ledger]\nurl = \"sqlite:{}\"\n", file.display()), DAY);
        let house = House::open(&text).await?;
        let refused = |reply: &Reply| reply.status == StatusCode::TOO_MANY_REQUESTS;
        let mut served = 0;
        // By a stream and without one, in each dialect, and by a part of the tenant.
        for (path, streaming, secret) in [
            (CHAT, false, "pk-acme"),
            (CHAT, true, "pk-lab"),
            (MESSAGES, false, "pk-acme"),
            (MESSAGES, true, "pk-acme"),
        ]
        .into_iter()
        .cycle()
        .take(40)
        {
            let reply = ask_for(&house, secret, path, &question("house/echo", streaming)).await?;
            if refused(&reply) {
                break;
            }
            ensure!(reply.status == 200, "{reply:?}");
            served += 1;
        }
        ensure!((4..40).contains(&served), "{served} were served");
        house.settled().await?;
        let check = async |house: &House| {
            let reply = ask(house, "pk-lab", "house/echo").await?;
            let message = reply.refused(429, "budget_exceeded")?;
            ensure!(message.starts_with("The budget `acme-day` is used up: $0.0"), "{message}");
            ensure!(message.contains(" of $0.0003 a day are used or held"), "{message}");
            ensure!(message.contains("It begins anew at 20"), "{message}");
            ensure!(reply.header("x-should-retry") == "false", "{reply:?}");
            let after: u64 = reply.header("retry-after").parse()?;
            ensure!((1..=86_400).contains(&after), "{reply:?}");
            let body = question("house/echo", true);
            let reply = ask_for(house, "pk-acme", MESSAGES, &body).await?;
            ensure!(refused(&reply) && reply.json()?["type"] == "error", "{reply:?}");
            // Others have theirs.
            ensure!(ask(house, "pk-other", "house/echo").await?.status == 200);
            anyhow::Ok(())
        };
        check(&house).await?;
        // All of it is in the ledger, to the token.
        let entries = entries(&house, served + 4).await?;
        let of_records = house.running.gateway.records.newest();
        let dollars: f64 = of_records.iter().filter_map(|record| record.cost_usd).sum();
        let nanodollars: i64 = entries.iter().map(|entry| entry.nanodollars).sum();
        ensure!((dollars * 1e9 - nanodollars as f64).abs() < 0.5 * served as f64, "{dollars}");
        let tokens: u64 = of_records.iter().filter_map(|record| record.output_tokens).sum();
        ensure!(entries.iter().map(|entry| entry.tokens_out).sum::<i64>() == tokens as i64);
        let acmes = entries.iter().filter(|entry| entry.tenant != "other");
        ensure!(acmes.map(|entry| entry.nanodollars).sum::<i64>() <= 300_000, "{entries:#?}");
        ensure!(entries.iter().all(|entry| !entry.estimated && entry.kind == Usage::REQUEST));
        // And is told from there.
        let told = house.admin("/api/v1/usage?from=1h&by=tenant").await?.json()?;
        ensure!(told["total"]["nanodollars"] == nanodollars, "{told}");
        ensure!(told["total"]["requests"] == entries.len(), "{told}");
        let whom = told["rows"].as_array().context("there are no rows")?.iter();
        let whom: Vec<&str> = whom.filter_map(|row| row["tenant"].as_str()).collect();
        ensure!(whom == ["acme", "lab", "other"], "{told}");
        let lab = entries
            .iter()
            .find(|entry| entry.tenant == "lab" && !entry.candidate.is_empty())
            .context("lab has none")?;
        let whom = [&*lab.key, &lab.candidate, &lab.provider, &lab.model, &lab.operation, &lab.end];
        let expected = ["lab", "house/echo", "house", "echo", "chat", "finished"];
        ensure!(whom == expected && lab.price_version.starts_with("-/"), "{lab:?}");
        house.running.stop().await;
        check(&House::open(&text).await?).await
    })
}

#[test]
fn a_rest_buys_what_is_cheaper_and_a_route_may_go_on_for_nothing() -> Result<()> {
    on_two_workers(async {
        let candidates = ["house/dear--echo", "house/echo", "house/free--echo"];
        let routes = [
            route("usual", &candidates[..2], ""),
            route("goes-on", &candidates, "over_budget = \"free\""),
            route("at-home", &candidates, "over_budget = \"local\""),
        ];
        let limit = "[limits.all]\ntenant = \"*\"\nusd = 0.004\nper = \"month\"\n\
                     [limits.words]\ntenant = \"other\"\ntokens = 50\nper = \"month\"\n";
        let house = open(&[&routes.concat(), limit].concat()).await?;
        // 20 tokens of output of the dear one are as much as the budget.
        let cheaper = ask(&house, "pk-acme", "usual").await?;
        ensure!(cheaper.header("x-portcullis-candidate") == "house/echo", "{cheaper:?}");
        let record = house.record("usual").await?;
        let remark = "left out house/dear--echo: limit `all` has no room for it";
        ensure!(record.remarks.contains(&remark.to_owned()), "{record:?}");
        // What is left is spent.
        while ask(&house, "pk-acme", "house/echo").await?.status == 200 {}
        ask(&house, "pk-acme", "usual").await?.refused(429, "budget_exceeded")?;
        let free = ask(&house, "pk-acme", "goes-on").await?;
        ensure!(free.header("x-portcullis-candidate") == "house/free--echo", "{free:?}");
        // There is no local one.
        ask(&house, "pk-other", "at-home").await.map(drop)?;
        while ask(&house, "pk-other", "usual").await?.status == 200 {}
        ask(&house, "pk-other", "at-home").await?.refused(429, "budget_exceeded")?;
        // What is free uses tokens too, of which there are none left.
        let free = ask(&house, "pk-other", "goes-on").await?;
        ensure!(free.header("x-portcullis-candidate") == "house/free--echo", "{free:?}");
        let record = house.record("goes-on").await?;
        let remark = "limit `words` is used up: free candidates only";
        ensure!(record.remarks.contains(&remark.to_owned()), "{record:?}");
        house.settled().await
    })
}

#[test]
fn rates_are_told_in_the_headers_that_sdks_know() -> Result<()> {
    on_two_workers(within_a_minute(async || {
        let limits = "[limits.rpm]\nkey = \"*\"\nrequests = 3\nper = \"minute\"\n\
                      [limits.tpm]\ntenant = \"acme\"\ntokens = 100000\nper = \"minute\"\n";
        let house = open(limits).await?;
        for left in ["2", "1", "0"] {
            let reply = ask(&house, "pk-acme", "house/echo").await?;
            ensure!(reply.status == 200, "{reply:?}");
            let told = ["limit", "remaining"]
                .map(|it| reply.header(&format!("x-ratelimit-{it}-requests")).to_owned());
            ensure!(told == ["3", left], "{reply:?}");
            ensure!(reply.header("x-ratelimit-reset-requests").ends_with("ms"), "{reply:?}");
            ensure!(reply.header("x-ratelimit-limit-tokens") == "100000", "{reply:?}");
            let tokens: u64 = reply.header("x-ratelimit-remaining-tokens").parse()?;
            ensure!((90_000..100_000).contains(&tokens), "{reply:?}");
        }
        let reply = ask(&house, "pk-acme", "house/echo").await?;
        let message = reply.refused(429, "rate_limit_exceeded")?;
        ensure!(
            message.starts_with("The limit `rpm` is reached: 3 requests a minute."),
            "{message}"
        );
        let after: u64 = reply.header("retry-after").parse()?;
        ensure!(after <= 60 && reply.header("x-should-retry").is_empty(), "{reply:?}");
        ensure!(reply.header("x-ratelimit-remaining-requests") == "0", "{reply:?}");
        // Each key has its own.
        let body = question("house/echo", true);
        let reply = ask_for(&house, "pk-lab", MESSAGES, &body).await?;
        ensure!(reply.header("anthropic-ratelimit-requests-remaining") == "2", "{reply:?}");
        let reset = reply.header("anthropic-ratelimit-requests-reset");
        ensure!(reset.starts_with("20") && reset.ends_with(":00Z"), "{reply:?}");
        house.settled().await
    }))
}

#[test]
fn requests_under_way_are_counted_while_they_are() -> Result<()> {
    on_two_workers(async {
        let house = open("[limits.turns]\ntenant = \"acme\"\nconcurrent = 2\n").await?;
        let (one, two) = (begin(&house).await?, begin(&house).await?);
        let refused = ask(&house, "pk-lab", "house/echo").await?;
        let message = refused.refused(429, "rate_limit_exceeded")?;
        ensure!(message.contains("`turns` is reached: 2 requests are under way"), "{message}");
        ensure!(refused.header("retry-after") == "1", "{refused:?}");
        // Whoever goes away makes room.
        drop(one);
        let again = async {
            while ask(&house, "pk-acme", "house/echo").await?.status != 200 {}
            anyhow::Ok(())
        };
        tokio::time::timeout(crate::caller::PATIENCE, again).await??;
        drop(two);
        house.settled().await
    })
}

#[test]
fn what_counts_at_a_provider_or_a_model_leads_to_the_next_one() -> Result<()> {
    on_two_workers(async {
        let limits = "[limits.once]\nprovider = \"house\"\nrequests = 1\nper = \"day\"\n\
                      [limits.model]\nmodel = \"second/echo\"\nusd = 0.0001\nper = \"total\"\n";
        let all = route("usual", &["house/echo", "second/echo", "third/echo"], "");
        let others = [provider("second", MODELS), provider("third", MODELS)].concat();
        let house = open(&[&others, &all, limits].concat()).await?;
        let mut answered = Vec::new();
        for _ in 0..6 {
            let reply = ask(&house, "pk-acme", "usual").await?;
            answered.push(reply.header("x-portcullis-candidate").to_owned());
        }
        ensure!(answered[0] == "house/echo" && answered[1] == "second/echo", "{answered:?}");
        ensure!(answered[5] == "third/echo", "{answered:?}");
        house.settled().await?;
        let record = house.record("usual").await?;
        let tried: Vec<_> = record.tried.iter().map(|tried| tried.failure.as_deref()).collect();
        let expected = [Some("rate-limit-exceeded"), Some("budget-exceeded"), None];
        ensure!(tried == expected, "{record:?}");
        // What the operator spends is no tenant's to know.
        let message =
            ask(&house, "pk-acme", "second/echo").await?.refused(429, "budget_exceeded")?;
        ensure!(!message.contains('$'), "{message}");
        let spent = entries(&house, 7).await?;
        let second = spent.iter().filter(|entry| entry.provider == "second");
        ensure!(second.map(|entry| entry.nanodollars).sum::<i64>() <= 100_000, "{spent:#?}");
        Ok(())
    })
}

#[test]
fn one_request_and_one_conversation_may_use_so_much() -> Result<()> {
    on_two_workers(async {
        let limits = "[limits.each]\ntenant = \"*\"\nusd = 0.001\nper = \"request\"\n\
                      [limits.talk]\nkey = \"acme/*\"\ntokens = 150\nper = \"conversation\"\n";
        let both = route("usual", &["house/dear--echo", "house/echo"], "");
        let house = open(&[&both, limits].concat()).await?;
        let message =
            ask(&house, "pk-other", "house/dear--echo").await?.refused(429, "budget_exceeded")?;
        ensure!(message.contains("A request may use $0.0010 (limit `each`)"), "{message}");
        let cheaper = ask(&house, "pk-other", "usual").await?;
        ensure!(cheaper.header("x-portcullis-candidate") == "house/echo", "{cheaper:?}");
        let talk = async |name: &str| {
            let mut body = question("house/echo", false);
            body["metadata"] = json!({ "conversation": name });
            ask_for(&house, "pk-acme", CHAT, &body).await
        };
        let mut turns = 0;
        while talk("one").await?.status == 200 {
            turns += 1;
        }
        ensure!((1..10).contains(&turns), "{turns}");
        talk("one").await?.refused(429, "budget_exceeded")?;
        ensure!(talk("two").await?.status == 200);
        ensure!(ask(&house, "pk-acme", "house/echo").await?.status == 200, "it is of none");
        house.settled().await
    })
}

#[test]
fn money_is_not_spent_where_nobody_knows_the_price() -> Result<()> {
    on_two_workers(async {
        let limits = "[limits.month]\nlabel = \"team=*\"\nusd = 1\nper = \"month\"\n";
        let house = open(limits).await?;
        ensure!(ask(&house, "pk-acme", "house/unpriced--echo").await?.status == 200);
        let mut body = question("house/unpriced--echo", false);
        body["metadata"] = json!({ "team": "blue" });
        let message =
            ask_for(&house, "pk-acme", CHAT, &body).await?.refused(429, "budget_exceeded")?;
        let why = "Nobody knows what house/unpriced--echo costs, and limit `month` counts money";
        ensure!(message.starts_with(why), "{message}");
        house.settled().await
    })
}

/// An address that takes what is posted to it, and the first body that came.
async fn webhook() -> Result<(String, tokio::task::JoinHandle<Result<Value>>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/hook?token=t", listener.local_addr()?);
    let taken = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut text = Vec::new();
        loop {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).await?;
            ensure!(read > 0, "it broke off");
            text.extend_from_slice(&piece[..read]);
            let all = String::from_utf8_lossy(&text).into_owned();
            if let Some((head, body)) = all.split_once("\r\n\r\n")
                && let Ok(body) = serde_json::from_str(body)
            {
                ensure!(head.starts_with("POST /hook?token=t HTTP/1.1"), "{head}");
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
                return Ok(body);
            }
        }
    });
    Ok((address, taken))
}

#[test]
fn a_limit_that_is_nearly_used_up_is_told_to_the_client_and_the_operator() -> Result<()> {
    on_two_workers(async {
        let (address, taken) = webhook().await?;
        let limits = format!(
            "[alerts]\nwebhook = \"{address}\"\n\
             [limits.calls]\nkey = \"*\"\nrequests = 4\nper = \"total\"\nwarn_at = 0.75\n"
        );
        let house = open(&limits).await?;
        for _ in 0..2 {
            let reply = ask(&house, "pk-acme", "house/echo").await?;
            ensure!(reply.header("x-portcullis-limit-warning").is_empty(), "{reply:?}");
        }
        let reply = ask(&house, "pk-acme", "house/echo").await?;
        ensure!(reply.header("x-portcullis-limit-warning") == "calls 75%", "{reply:?}");
        let told = tokio::time::timeout(crate::caller::PATIENCE, taken).await???;
        ensure!(told["limit"] == "calls" && told["most"] == 4 && told["used"] == 3, "{told}");
        ensure!(told["account"] == "requests total key acme/acme", "{told}");
        ensure!(told["text"] == "Limit calls: 3 requests of 4 requests are used.", "{told}");
        // Once.
        let reply = ask(&house, "pk-acme", "house/echo").await?;
        ensure!(reply.header("x-portcullis-limit-warning") == "calls 100%", "{reply:?}");
        let accounting = house.running.gateway.records.accounting().context("nobody counts")?;
        ensure!(accounting.alerts.counts().values().copied().eq([1]));
        let metrics = house.admin("/metrics").await?;
        ensure!(metrics.header("content-type").starts_with("application/openmetrics-text"));
        let text = metrics.text()?;
        for line in [
            "portcullis_limit_warnings_total{limit=\"calls\"} 1\n",
            "portcullis_requests_under_way 0\n",
            "portcullis_ledger_away 0\n",
            "# EOF\n",
        ] {
            ensure!(text.contains(line), "{line} is not in {text}");
        }
        house.settled().await
    })
}

#[test]
fn while_the_ledger_is_away_what_is_held_is_spent_and_then_as_the_operator_says() -> Result<()> {
    on_two_workers(async {
        for (when, expected) in [("refuse", 503), ("serve", 200)] {
            let server = Postgres::start()?;
            let url = server.database()?;
            let ledger =
                format!("[ledger]\nurl = \"{url}\"\njournal = \"used\"\nwhen_away = \"{when}\"\n");
            let limits = "[limits.calls]\ntenant = \"*\"\nrequests = 1000\nper = \"total\"\n";
            let house = House::open(&text(&ledger, limits)).await?;
            ensure!(ask(&house, "pk-acme", "house/echo").await?.status == 200);
            let accounting = house.running.gateway.records.accounting().context("nobody counts")?;
            entries(&house, 1).await?;
            server.kill()?;
            let is_away = until(|| accounting.purse.is_away());
            // It is found out by who asks for more than is held.
            let other = ask(&house, "pk-other", "house/echo").await?;
            ensure!(other.status == expected, "{when}: {other:?}");
            if expected == 503 {
                other.refused(503, "ledger_unavailable")?;
            }
            is_away.await?;
            // Of this one some is held.
            ensure!(ask(&house, "pk-acme", "house/echo").await?.status == 200);
            ensure!(accounting.purse.served_beyond() == u64::from(expected == 200));
            server.restart()?;
            let all = if expected == 200 { 3 } else { 2 };
            let refused = usize::from(expected == 503);
            entries(&house, all + refused).await?;
            ensure!(ask(&house, "pk-other", "house/echo").await?.status == 200);
        }
        Ok(())
    })
}
