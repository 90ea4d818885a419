//! How a gateway begins, what it says of itself, and how it ends.

use crate::caller::{Caller, Http, JSON, PATIENCE};
use crate::house::{House, chat, configured, provider, route};
use anyhow::{Context, Result, ensure};
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use portcullis::config::Environment;
use portcullis::serve;
use portcullis_tests::process::on_two_workers;
use std::net::SocketAddr;
use std::path::Path;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

const CHAT: &str = "/v1/chat/completions";

/// A stream of which the first content has come.
async fn stream(house: &House, model: &str) -> Result<(Caller, Incoming)> {
    let mut caller = house.caller(Http::One).await?;
    let body = chat(model, true).to_string();
    let request = caller.request(Method::POST, CHAT, &[JSON], body)?;
    let mut body = caller.begin(request).await?.into_body();
    body.frame().await.context("no content came")??;
    Ok((caller, body))
}

async fn refuses_connections(address: SocketAddr) -> Result<()> {
    let closed = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, closed).await.context("it still takes connections")
}

/// A connection that has served a request and waits for the next.
async fn idle(house: &House) -> Result<Caller> {
    let mut caller = house.caller(Http::One).await?;
    ensure!(caller.get("/v1/models").await?.status == 200);
    Ok(caller)
}

#[test]
fn a_stop_waits_for_what_is_under_way() -> Result<()> {
    on_two_workers(async {
        for http in [Http::One, Http::Two] {
            let house = House::open(&format!("drain = \"30s\"\n{}", provider("house", ""))).await?;
            let (clients, admin) = (house.running.clients, house.running.admin);
            let _idle = (idle(&house).await?, idle(&house).await?);
            let mut caller = house.caller(http).await?;
            let body = chat("house/echo-50ms", true).to_string();
            let request = caller.request(Method::POST, CHAT, &[JSON], body)?;
            let mut body = caller.begin(request).await?.into_body();
            body.frame().await.context("no content came")??;
            let stopping = tokio::spawn(house.running.stop());
            // Whoever balances the load is told, while the stream goes on.
            let told = async {
                while Caller::to(admin, Http::One).await?.get("/readyz").await?.status != 503 {}
                anyhow::Ok(())
            };
            tokio::time::timeout(PATIENCE, told).await.context("it says that it is ready")??;
            ensure!(Caller::to(admin, Http::One).await?.get("/healthz").await?.status == 200);
            refuses_connections(clients).await?;
            ensure!(!stopping.is_finished(), "it does not wait for the stream");
            let rest = body.collect().await.context("the stream was cut off")?.to_bytes();
            ensure!(rest.ends_with(b"data: [DONE]\n\n"), "{rest:?}");
            let cut_off = tokio::time::timeout(PATIENCE, stopping).await??;
            ensure!(cut_off == 0, "{cut_off} were cut off");
            refuses_connections(admin).await?;
        }
        Ok(())
    })
}

#[test]
fn a_stop_whose_patience_ends_cuts_off_what_is_left_and_counts_it() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&format!("drain = \"200ms\"\n{}", provider("house", ""))).await?;
        // Those that wait for nothing are closed at once, and are not cut off.
        let _idle = (idle(&house).await?, idle(&house).await?);
        let (_caller, body) = stream(&house, "house/echo-400ms").await?;
        let gateway = house.running.gateway.clone();
        let cut_off = tokio::time::timeout(PATIENCE, house.running.stop()).await?;
        ensure!(cut_off == 1, "one was cut off, not {cut_off}");
        let cancelled = house.upstream.wait_cancelled("echo-400ms");
        tokio::time::timeout(PATIENCE, cancelled).await.context("the call goes on")?;
        ensure!(body.collect().await.is_err(), "the client has to see that it is not all");
        let record = gateway.records.newest().into_iter().next().context("there is no record")?;
        ensure!(record.end == Some(portcullis::record::End::Abandoned), "{record:?}");
        Ok(())
    })
}

#[test]
fn the_operator_can_look_in() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&provider("house", "")).await?;
        for path in ["/healthz", "/readyz"] {
            ensure!(house.admin(path).await?.status == 200, "{path}");
        }
        for model in ["house/echo-1", "house/error-400-2", "house/echo-3"] {
            house.chat(model, true).await?;
            house.record(model).await?;
        }
        let records = house.admin("/api/v1/requests").await?;
        ensure!(records.header("content-type") == "application/json", "{records:?}");
        let records = records.json()?;
        let asked: Vec<&str> = records
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|record| record["asked"].as_str())
            .collect();
        ensure!(asked == ["house/echo-3", "house/error-400-2", "house/echo-1"], "{asked:?}");
        ensure!(records[0]["end"] == "finished" && records[1]["end"] == "failed", "{records}");
        ensure!(records[0]["output_tokens"].as_u64() > Some(0), "{records}");
        ensure!(records[1]["tried"][0]["failure"] == "invalid-request", "{records}");
        ensure!(house.admin("/nothing").await?.status == 404);
        let mut caller = Caller::to(house.running.admin, Http::One).await?;
        ensure!(caller.post("/healthz", &"".into()).await?.status == 405);
        // Neither address serves what is the other's.
        ensure!(caller.get("/v1/models").await?.status == 404);
        ensure!(house.caller(Http::One).await?.get("/healthz").await?.status == 404);
        Ok(())
    })
}

#[test]
fn an_answer_says_where_it_went_and_what_that_took() -> Result<()> {
    let priced = "models = [{ id = \"echo\", input_price = 1.0, output_price = 2.0 }]";
    on_two_workers(async {
        let text = [provider("house", priced), route(&["house/echo"], "")].concat();
        let house = House::open(&text).await?;
        for streaming in [true, false] {
            let answer = house.chat("auto", streaming).await?;
            ensure!(answer.header("x-portcullis-candidate") == "house/echo", "{answer:?}");
            ensure!(answer.header("x-portcullis-route") == "default", "{answer:?}");
            ensure!(answer.header("x-portcullis-attempts") == "1", "{answer:?}");
            let overhead = answer.header("x-portcullis-overhead-us").parse::<u64>();
            ensure!(overhead.is_ok_and(|us| us > 0), "{answer:?}");
            let timing = answer.header("server-timing");
            for step in ["policy;dur=", "provider;dur=", "upstream;dur="] {
                ensure!(timing.contains(step), "{timing}");
            }
            let priced = answer.header("x-portcullis-cost-usd").parse::<f64>();
            ensure!(priced.is_ok_and(|usd| usd > 0.0) != streaming, "{answer:?}");
            let record = house.record("auto").await?;
            ensure!(record.cost_usd.is_some_and(|usd| usd > 0.0), "{record:?}");
        }
        Ok(())
    })
}

#[test]
fn a_request_keeps_the_name_that_it_was_given_if_it_is_a_sane_one() -> Result<()> {
    let long = "x".repeat(129);
    let cases = [
        ("a-b_C.9:z", true),
        ("", false),
        ("two words", false),
        (&long, false),
        ("<script>", false),
    ];
    on_two_workers(async {
        let house = House::open(&provider("house", "")).await?;
        for model in ["house/echo", "nobody/echo"] {
            for (name, kept) in cases {
                let mut caller = house.caller(Http::One).await?;
                let headers = [JSON, ("x-request-id", name)];
                let body = chat(model, false).to_string();
                let request = caller.request(Method::POST, CHAT, &headers, body)?;
                let answer = caller.ask(request).await?;
                let given = answer.header("x-request-id");
                ensure!((given == name) == kept && !given.is_empty(), "{name:?}: {given:?}");
                ensure!(answer.header("request-id") == given, "{answer:?}");
            }
        }
        Ok(())
    })
}

// Beginnings that fail.

/// Why a gateway of this text does not start.
async fn refused(text: &str) -> Result<String> {
    let files = TempDir::new()?;
    let text = text.replace("UPSTREAM", "http://127.0.0.1:1");
    let config = match configured(&files, &text, &Environment::default()) {
        Ok(config) => config,
        Err(problems) => return Ok(problems.to_string()),
    };
    match serve::start(config).await {
        Ok(_) => anyhow::bail!("it started: {text}"),
        Err(error) => Ok(error.to_string()),
    }
}

#[test]
fn everything_that_is_wrong_with_its_plugins_is_said_at_once() -> Result<()> {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/components/openai");
    let component = bundled.join("plugin.wasm");
    let zeros = "0".repeat(64);
    let base = "base_url = \"http://127.0.0.1:1/v1\"\nmodels = [\"m\"]";
    let text = format!(
        "[providers.unknown]\nplugin = \"nosuch\"\n{base}\n\
         [providers.other]\nplugin = {{ path = {component:?}, digest = \"sha256:{zeros}\" }}\n\
         {base}\n[providers.set]\nplugin = \"openai\"\n{base}\nsettings = {{ nonsense = 1 }}\n"
    );
    on_two_workers(async {
        let problems = refused(&text).await?;
        for part in ["unknown]", "nosuch", "other]", "has the digest", "set]", "nonsense"] {
            ensure!(problems.contains(part), "expected {part:?} in {problems}");
        }
        ensure!(problems.lines().count() >= 3, "a line each: {problems}");
        Ok(())
    })
}

#[test]
fn a_plugin_that_is_not_there_or_is_none_keeps_it_from_starting() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let missing = files.path().join("missing.wasm");
        let lines = format!("[policies.p]\nplugin = {{ path = {missing:?} }}\n");
        let problems = refused(&[provider("house", ""), lines].concat()).await?;
        ensure!(problems.contains("missing.wasm"), "{problems}");
        let junk = files.path().join("junk.wasm");
        std::fs::write(&junk, "this is no component")?;
        std::fs::write(
            files.path().join("plugin.toml"),
            "name = \"junk\"\nversion = \"0.1.0\"\n\
             world = \"portcullis:plugin/policy-plugin@0.1.0\"\ncapabilities = []\n",
        )?;
        let lines = format!("[policies.p]\nplugin = {{ path = {junk:?} }}\n");
        let problems = refused(&[provider("house", ""), lines].concat()).await?;
        ensure!(problems.contains("[policies.p]") && problems.contains("junk"), "{problems}");
        Ok(())
    })
}

#[test]
fn a_port_that_is_taken_keeps_it_from_starting() -> Result<()> {
    on_two_workers(async {
        let taken = TcpListener::bind("127.0.0.1:0").await?;
        let address = taken.local_addr()?;
        let text = format!("\nlisten = \"{address}\"\n{}", provider("house", "models = [\"m\"]"));
        let problem = refused(&text).await?;
        ensure!(problem.contains(&format!("cannot listen on {address}")), "{problem}");
        drop(taken);
        // Nothing of the attempt is left.
        TcpListener::bind(address).await?;
        Ok(())
    })
}
