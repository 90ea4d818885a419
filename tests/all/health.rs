//! Upstreams that are looked after beside the requests, and how every candidate does.

use crate::caller::{Caller, Http};
use crate::house::{House, provider, route, until};
use anyhow::{Context, Result, ensure};
use portcullis::circuit::State;
use portcullis_tests::process::on_two_workers;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// An upstream that answers everything with the same status line, and keeps the newest head.
struct Ward {
    address: SocketAddr,
    says: Arc<Mutex<&'static str>>,
    head: Arc<Mutex<String>>,
    calls: Arc<AtomicUsize>,
}

const WELL: &str = "200 OK";
const ILL: &str = "503 Service Unavailable";

impl Ward {
    async fn open(says: &'static str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (says, head) = (Arc::new(Mutex::new(says)), Arc::default());
        let ward = Self { address, says, head, calls: Arc::default() };
        let (says, head, calls) = (ward.says.clone(), ward.head.clone(), ward.calls.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let says = *says.lock().unwrap_or_else(PoisonError::into_inner);
                let heard = answer(stream, says).await.unwrap_or_default();
                *head.lock().unwrap_or_else(PoisonError::into_inner) = heard;
                calls.fetch_add(1, Ordering::SeqCst);
            }
        });
        Ok(ward)
    }

    fn say(&self, says: &'static str) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = says;
    }

    fn head(&self) -> String {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).to_ascii_lowercase()
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// A gateway whose one provider is this, with two models and these checks.
    async fn house(&self, health: &str) -> Result<House> {
        let further = format!(
            "base_url = \"http://{}/v1\"\nmodels = [\"m1\", \"m2\"]\n\
             headers = {{ x-team = \"search\" }}\n{health}",
            self.address
        );
        House::open(&provider("house", &further)).await
    }
}

/// Reads one request and answers it; its head.
async fn answer(mut stream: TcpStream, says: &str) -> Result<String> {
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await?;
        heard.push(byte);
    }
    let answer = format!("HTTP/1.1 {says}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    stream.write_all(answer.as_bytes()).await?;
    Ok(String::from_utf8(heard)?)
}

const OFTEN: &str = "health = { path = \"/health?deep=1\", every = \"5ms\", timeout = \"5s\" }";

async fn candidates(house: &House) -> Result<Vec<Value>> {
    let all = house.admin("/api/v1/candidates").await?.json()?;
    Ok(all.as_array().context("it is no list")?.clone())
}

fn circuits(house: &House, state: State) -> bool {
    [0, 1].iter().all(|index| house.candidate(*index).circuit.state() == state)
}

#[test]
fn checks_open_the_circuits_of_an_upstream_and_close_them_again() -> Result<()> {
    on_two_workers(async {
        let ward = Ward::open(ILL).await?;
        let house = ward.house(OFTEN).await?;
        until(|| circuits(&house, State::Open)).await.context("nobody noticed")?;
        ensure!(ward.calls() >= 4, "after {} checks", ward.calls());
        let head = ward.head();
        ensure!(head.starts_with("get /v1/health?deep=1 http/1.1\r\n"), "{head}");
        ensure!(head.contains("\r\nx-team: search\r\n"), "{head}");
        let all = candidates(&house).await?;
        ensure!(all.len() == 2, "{all:?}");
        for candidate in &all {
            ensure!(candidate["circuit"] == "open", "{candidate}");
            ensure!(candidate["open_ms"].as_u64().is_some_and(|ms| ms > 0), "{candidate}");
            ensure!(candidate["health"]["well"] == false, "{candidate}");
            let why = candidate["health"]["why"].as_str().unwrap_or_default();
            ensure!(why.contains("503"), "{candidate}");
            // Nobody was asked for an answer.
            ensure!(candidate["error_rate"] == 0.0, "{candidate}");
        }
        ward.say(WELL);
        until(|| circuits(&house, State::Closed)).await.context("they stay open")?;
        let all = candidates(&house).await?;
        ensure!(all[0]["health"]["well"] == true && all[0]["health"]["why"].is_null(), "{all:?}");
        Ok(())
    })
}

#[test]
fn a_redirect_and_silence_are_no_good_health() -> Result<()> {
    on_two_workers(async {
        let ward = Ward::open("302 Found\r\nlocation: /v1/models").await?;
        let house = ward.house(OFTEN).await?;
        until(|| circuits(&house, State::Open)).await.context("it was followed")?;
        ensure!(ward.head().starts_with("get /v1/health"), "{}", ward.head());
        // Somebody who takes connections and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").await?;
        let further = format!(
            "base_url = \"http://{}/v1\"\nmodels = [\"m1\", \"m2\"]\n\
             health = {{ path = \"/models\", every = \"5ms\", timeout = \"10ms\" }}",
            silent.local_addr()?
        );
        let house = House::open(&provider("house", &further)).await?;
        until(|| circuits(&house, State::Open)).await.context("it was waited for")?;
        let all = candidates(&house).await?;
        let why = all[0]["health"]["why"].as_str().unwrap_or_default();
        ensure!(why.contains("within 10 ms"), "{why}");
        Ok(())
    })
}

#[test]
fn whom_checks_find_ill_is_passed_over_while_another_is_left() -> Result<()> {
    on_two_workers(async {
        let ward = Ward::open(ILL).await?;
        let ill = format!("base_url = \"http://{}/v1\"\nmodels = [\"m1\"]\n{OFTEN}", ward.address);
        let text = [
            provider("ill", &ill),
            provider("house", "models = [\"echo\"]"),
            route(&["ill/m1", "house/echo"], ""),
        ];
        let house = House::open(&text.concat()).await?;
        let circuit = house.candidate(0).circuit.clone();
        until(|| circuit.state() == State::Open).await.context("nobody noticed")?;
        let answer = house.chat("auto", true).await?;
        ensure!(answer.header("x-portcullis-candidate") == "house/echo", "{answer:?}");
        ensure!(answer.header("x-portcullis-attempts") == "1", "{answer:?}");
        Ok(())
    })
}

#[test]
fn checks_end_with_what_they_are_checks_of() -> Result<()> {
    on_two_workers(async {
        let ward = Ward::open(WELL).await?;
        let house = ward.house(OFTEN).await?;
        until(|| ward.calls() > 2).await.context("nobody checks")?;
        let routes = Arc::downgrade(&house.running.gateway.deployment().routes);
        house.rewrite(&provider("house", "models = [\"m1\", \"m2\"]"))?;
        house.reload().await?;
        // A check holds the routes of its deployment for as long as it goes on.
        until(|| routes.upgrade().is_none()).await.context("they go on")?;
        let all = candidates(&house).await?;
        ensure!(all[0]["health"].is_null(), "nobody asked for checks: {all:?}");
        Ok(())
    })
}

#[test]
fn how_a_candidate_does_is_shown() -> Result<()> {
    on_two_workers(async {
        let models = "models = [{ id = \"echo\", concurrency = 3 }, \"error-500\"]";
        let house = House::open(&provider("house", models)).await?;
        house.chat("house/echo", true).await?;
        house.chat("house/error-500", true).await?;
        house.chat("house/echo-opened", false).await?;
        house.settled().await?;
        house.candidate(1).signals.note_headroom(Some(0), Some(7), Some(Duration::from_secs(60)));
        let all = candidates(&house).await?;
        let ids: Vec<&str> = all.iter().filter_map(|it| it["id"].as_str()).collect();
        ensure!(ids == ["house/echo", "house/error-500", "house/echo-opened"], "{all:?}");
        let (well, ill) = (&all[0], &all[1]);
        ensure!(well["circuit"] == "closed" && well["open_ms"].is_null(), "{well}");
        ensure!(well["error_rate"] == 0.0 && well["first_token_ms"].is_f64(), "{well}");
        ensure!(well["in_flight"] == 0 && well["concurrency"] == 3, "{well}");
        let left = well["headroom"]["requests"].as_u64();
        ensure!(well["exhausted"] == false && left.is_some_and(|left| left > 0), "{well}");
        ensure!(well["health"].is_null() && well["local"] == false, "{well}");
        ensure!(ill["error_rate"] == 1.0 && ill["exhausted"] == true, "{ill}");
        ensure!(ill["headroom"]["tokens"] == 7, "{ill}");
        let mut admin = Caller::to(house.running.admin, Http::One).await?;
        ensure!(admin.post("/api/v1/candidates", &"".into()).await?.status == 405);
        Ok(())
    })
}
