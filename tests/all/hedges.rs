//! Attempts beside each other, and copies of requests: what a plan may want beyond one candidate
//! after the other.

use crate::caller::PATIENCE;
use crate::house::{House, chat, provider, route, until};
use anyhow::{Context, Result, anyhow, bail, ensure};
use portcullis::config::Scope;
use portcullis::failure::Failure;
use portcullis::plan::{Plan, Planned};
use portcullis::record::{End, Entry, Record, Tried};
use portcullis::request::{Operation, Request};
use portcullis::route::Target;
use portcullis::tenant::Caller;
use portcullis::wire::dialect::Dialect;
use portcullis::{execute, shadow};
use portcullis_tests::process::on_two_workers;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

const NEVER: Duration = Duration::from_secs(3_600);

/// A house with these candidates, in their order.
async fn house(models: &[&str]) -> Result<House> {
    let ids: Vec<String> = models.iter().map(|model| format!("house/{model}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    House::open(&[provider("house", ""), route(&ids, "")].concat()).await
}

/// One that nobody has sent.
pub(crate) fn request() -> Request {
    Request {
        id: "hedged".into(),
        operation: Operation::Chat,
        dialect: Dialect::CANONICAL,
        asked: "auto".to_owned(),
        streaming: true,
        wants_usage: false,
        base64: false,
        answers: 1,
        labels: Vec::new(),
        needs: Vec::new(),
        input_tokens: 8,
        max_output_tokens: None,
        counted: false,
        caller: Arc::new(Caller::unknown("default", Scope::default())),
        deadline: Instant::now() + PATIENCE,
        body: chat("auto", true).to_string().into(),
        attachment: None,
        canonical: OnceLock::new(),
    }
}

/// Where the request may go.
fn target(house: &House) -> Result<Target> {
    let caller = Caller::unknown("default", Scope::default());
    let target = house.running.gateway.deployment().routes.find("auto", &caller);
    target.map_err(|refusal| anyhow!("{refusal:?}"))
}

/// All candidates of a house, each with its time.
fn plan(house: &House, times: &[Duration]) -> Plan {
    let planned = |(index, start_after): (usize, &Duration)| Planned {
        candidate: house.candidate(index),
        start_after: *start_after,
        retries: 0,
        timeout: None,
    };
    Plan {
        attempts: times.iter().enumerate().map(planned).collect(),
        shadow: None,
        policy: None,
        reason: "a test".to_owned(),
        labels: Vec::new(),
        remarks: Vec::new(),
    }
}

/// Who answered, and what was tried.
async fn run(house: &House, plan: &Plan) -> Result<(Result<String, Failure>, Vec<Tried>)> {
    let (request, began) = (Arc::new(request()), Instant::now());
    let mut entry = Entry::open(&house.running.gateway.records, &request, "default", began);
    let deployment = house.running.gateway.deployment();
    let running = execute::run(&deployment.providers, &request, plan, &mut entry);
    let ended = tokio::time::timeout(PATIENCE, running).await.context("nobody answered")?;
    let tried = entry.tried.clone();
    Ok((ended.map(|(candidate, _)| candidate.profile.id.clone()), tried))
}

fn words(tried: &[Tried]) -> Vec<(&str, Option<&str>)> {
    tried.iter().map(|tried| (&*tried.candidate, tried.failure.as_deref())).collect()
}

#[test]
fn whoever_is_slow_is_overtaken_and_its_call_ended() -> Result<()> {
    on_two_workers(async {
        let house = house(&["silent", "echo"]).await?;
        let hedged = plan(&house, &[Duration::ZERO, Duration::from_millis(20)]);
        let (answered, tried) = run(&house, &hedged).await?;
        ensure!(answered.is_ok_and(|by| by == "house/echo"));
        let expected = [("house/echo", None), ("house/silent", Some("overtaken"))];
        ensure!(words(&tried) == expected, "{tried:?}");
        ensure!(tried[1].ms >= 20.0, "{tried:?}");
        let cancelled = house.upstream.wait_cancelled("silent");
        tokio::time::timeout(PATIENCE, cancelled).await.context("its call goes on")?;
        // To be slower than another is no failure.
        let signals = house.candidate(0).signals.performance();
        ensure!(signals.error_rate.abs() < f64::EPSILON && signals.in_flight == 0, "{signals:?}");
        Ok(())
    })
}

#[test]
fn a_hedge_that_is_not_needed_is_not_made() -> Result<()> {
    on_two_workers(async {
        let house = house(&["echo", "echo-2"]).await?;
        let (answered, tried) = run(&house, &plan(&house, &[Duration::ZERO, NEVER])).await?;
        ensure!(answered.is_ok_and(|by| by == "house/echo"));
        ensure!(words(&tried) == [("house/echo", None)], "{tried:?}");
        ensure!(house.calls("echo-2") == 0);
        Ok(())
    })
}

#[test]
fn a_hedge_whose_time_has_not_come_takes_over_from_who_failed() -> Result<()> {
    on_two_workers(async {
        let house = house(&["error-401", "echo"]).await?;
        let (answered, tried) = run(&house, &plan(&house, &[Duration::ZERO, NEVER])).await?;
        ensure!(answered.is_ok_and(|by| by == "house/echo"));
        let expected = [("house/error-401", Some("authentication")), ("house/echo", None)];
        ensure!(words(&tried) == expected, "{tried:?}");
        Ok(())
    })
}

#[test]
fn a_hedge_that_fails_leaves_the_others_alone() -> Result<()> {
    on_two_workers(async {
        let soon = Duration::from_millis(10);
        for (failing, word) in [("error-401", "authentication"), ("error-400", "invalid-request")] {
            let house = house(&["slow-head-300ms", failing, "echo-3"]).await?;
            let (answered, tried) =
                run(&house, &plan(&house, &[Duration::ZERO, soon, NEVER])).await?;
            ensure!(answered.is_ok_and(|by| by == "house/slow-head-300ms"), "{failing}");
            let failed = format!("house/{failing}");
            let expected = [(&*failed, Some(word)), ("house/slow-head-300ms", None)];
            ensure!(words(&tried) == expected, "{tried:?}");
            ensure!(house.calls("echo-3") == 0, "{failing}");
        }
        Ok(())
    })
}

#[test]
fn when_all_failed_the_client_hears_that_its_request_is_wrong() -> Result<()> {
    on_two_workers(async {
        let soon = Duration::from_millis(10);
        let house = house(&["error-400", "slow-head-300ms"]).await?;
        let (ended, tried) = run(&house, &plan(&house, &[Duration::ZERO, soon])).await?;
        let failure = ended.err().context("somebody answered")?;
        ensure!(failure.word() == "invalid-request", "{failure:?}");
        ensure!(tried.len() == 1, "nobody else is asked: {tried:?}");
        Ok(())
    })
}

#[test]
fn whose_rate_limit_is_used_up_is_asked_only_if_nobody_else_is() -> Result<()> {
    on_two_workers(async {
        let house = house(&["echo", "echo-2"]).await?;
        let used_up = |index| {
            let minute = Some(Duration::from_secs(60));
            house.candidate(index).signals.note_headroom(Some(0), None, minute);
        };
        used_up(0);
        let in_turn = plan(&house, &[Duration::ZERO, Duration::ZERO]);
        let (answered, _) = run(&house, &in_turn).await?;
        ensure!(answered.is_ok_and(|by| by == "house/echo-2"));
        ensure!(house.calls("echo") == 0, "it was asked all the same");
        used_up(1);
        let (answered, _) = run(&house, &in_turn).await?;
        ensure!(answered.is_ok_and(|by| by == "house/echo"), "somebody has to be asked");
        Ok(())
    })
}

/// The record of the copy, once there is one.
async fn copy(house: &House) -> Result<Arc<Record>> {
    let find = || {
        let records = house.running.gateway.records.newest();
        records.into_iter().find(|record| record.shadow)
    };
    until(|| find().is_some()).await.context("there is no record of the copy")?;
    find().context("it was there a moment ago")
}

#[test]
fn a_copy_has_a_record_of_its_own_and_nobody_waits_for_it() -> Result<()> {
    let priced = "models = [{ id = \"slow-head-300ms\", input_price = 1.0, output_price = 2.0 }]";
    on_two_workers(async {
        let candidates = route(&["house/slow-head-300ms"], "");
        let house = House::open(&[provider("house", priced), candidates].concat()).await?;
        let gateway = &house.running.gateway;
        let request = Arc::new(request());
        let mut wanted = plan(&house, &[Duration::ZERO]);
        wanted.shadow = Some(house.candidate(0));
        let mut entry = Entry::open(&gateway.records, &request, "default", Instant::now());
        shadow::cast(
            gateway,
            &gateway.deployment(),
            &request,
            &target(&house)?,
            &wanted,
            &mut entry,
        );
        ensure!(entry.remarks.is_empty() && entry.tried.is_empty(), "{:?}", entry.remarks);
        entry.finish();
        ensure!(gateway.records.newest().iter().all(|record| !record.shadow), "it was waited for");
        let copy = copy(&house).await?;
        ensure!(copy.end == Some(End::Finished), "{copy:?}");
        ensure!(copy.candidate.as_deref() == Some("house/slow-head-300ms"), "{copy:?}");
        ensure!(copy.cost_usd.is_some_and(|cost| cost > 0.0), "{copy:?}");
        ensure!(copy.request == request.id && copy.reason == "a test", "{copy:?}");
        house.settled().await
    })
}

#[test]
fn a_copy_that_fails_fails_alone_and_too_many_are_not_made() -> Result<()> {
    on_two_workers(async {
        let house = house(&["error-401", "silent"]).await?;
        let gateway = &house.running.gateway;
        let cast = |index| {
            let request = Arc::new(request());
            let mut wanted = plan(&house, &[Duration::ZERO]);
            wanted.shadow = Some(house.candidate(index));
            let mut entry = Entry::open(&gateway.records, &request, "default", Instant::now());
            shadow::cast(
                gateway,
                &gateway.deployment(),
                &request,
                &target(&house)?,
                &wanted,
                &mut entry,
            );
            let remarks = entry.remarks.clone();
            entry.finish();
            anyhow::Ok(remarks)
        };
        cast(0)?;
        let copy = copy(&house).await?;
        ensure!(copy.end == Some(End::Failed), "{copy:?}");
        ensure!(copy.failure.as_deref() == Some("authentication"), "{copy:?}");
        for _ in 0..200 {
            let remarks = cast(1)?;
            if let [remark] = remarks.as_slice() {
                ensure!(remark.contains("too many are under way"), "{remark}");
                return Ok(());
            }
        }
        bail!("there is no end to them")
    })
}
