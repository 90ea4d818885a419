//! What holds for every hostile guest: the process lives, a healthy request beside it is
//! answered, the next candidate answers its own, and the fault has its name in the record and
//! in the log.
#![allow(clippy::expect_used, reason = "this is where a test fails")]

use anyhow::{Context, Result, ensure};
use portcullis_tests::client::Answer;
use portcullis_tests::guest::Guest;
use portcullis_tests::logs;
use portcullis_tests::process::{on_one_worker, on_two_workers, resident};
use portcullis_tests::scene::Scene;
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

/// Compiled components, kept between runs.
pub(super) const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled");

/// Whoever measures the memory of the process is alone in it.
static PROCESS: RwLock<()> = RwLock::new(());

/// Runs a scenario on two workers and on one; returns what it logged.
pub(super) fn on_any_executor(scenario: impl AsyncFn(&Path) -> Result<()>) -> String {
    let _others = PROCESS.read().unwrap_or_else(PoisonError::into_inner);
    logs::listen();
    let cache = Path::new(CACHE);
    on_two_workers(scenario(cache)).expect("on two workers");
    let (outcome, log) = logs::of(|| on_one_worker(scenario(cache)));
    outcome.expect("on one worker");
    log
}

/// The answer is whole, and the healthy candidate's.
pub(super) fn answered(answer: &Answer) -> Result<()> {
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(answer.candidate == "house/echo", "{answer:?}");
    let whole = answer.events().last() == Some(&"[DONE]") || answer.json()["choices"].is_array();
    ensure!(whole, "{answer:?}");
    Ok(())
}

/// The guest's attempt fails with `word`, for a reason of which `message` is a part, and the next
/// candidate answers.
pub(super) fn fails(guest: &Guest, word: &str, message: &str) {
    let log = on_any_executor(async |cache| {
        let scene = Scene::start(guest, cache).await?;
        for streaming in [true, false] {
            let beside = scene.chat("house/echo", false);
            let (hostile, healthy) = tokio::join!(scene.chat("auto", streaming), beside);
            answered(&healthy?)?;
            answered(&hostile?)?;
            noted(&scene, guest, word, message)?;
        }
        scene.settled().await?;
        scene.stop().await
    });
    assert!(log.contains(&format!(" {word}: ")), "{word} is not in the log: {log}");
}

/// As [`fails`], and a healthy request is answered while the guest still runs.
pub(super) fn outpaced(guest: &Guest, word: &str, message: &str) {
    fails(guest, word, message);
    on_any_executor(async |cache| {
        let scene = Scene::start(guest, cache).await?;
        let timed = async |model: &'static str| {
            let answer = scene.chat(model, false).await?;
            Ok::<_, anyhow::Error>((answer, Instant::now()))
        };
        let (hostile, healthy) = tokio::join!(timed("auto"), timed("house/echo"));
        let (hostile, healthy) = (hostile?, healthy?);
        answered(&hostile.0)?;
        answered(&healthy.0)?;
        let ahead = hostile.1.checked_duration_since(healthy.1);
        ensure!(ahead.is_some_and(|ahead| !ahead.is_zero()), "the healthy one had to wait");
        scene.settled().await?;
        scene.stop().await
    });
}

fn noted(scene: &Scene, guest: &Guest, word: &str, message: &str) -> Result<()> {
    let record = scene.record("auto")?;
    let [hostile, healthy] = &record.tried[..] else {
        anyhow::bail!("two were to be tried: {record:?}");
    };
    ensure!(hostile.candidate == format!("hostile/{}", guest.models[0]), "{record:?}");
    ensure!(hostile.failure.as_deref() == Some(word), "expected {word}: {hostile:?}");
    let said = hostile.message.as_deref().unwrap_or_default();
    ensure!(said.contains(message), "expected {message:?} in {said:?}");
    ensure!(healthy.candidate == "house/echo" && healthy.failure.is_none(), "{record:?}");
    Ok(())
}

/// The policy's answer, or what it did instead of one, is remarked on, and the route's own order
/// holds.
pub(super) fn is_passed_over(guest: &Guest, remark: &str) {
    let log = on_any_executor(async |cache| {
        let scene = Scene::start(guest, cache).await?;
        for streaming in [true, false] {
            let beside = scene.chat("house/echo", false);
            let (hostile, healthy) = tokio::join!(scene.chat("auto", streaming), beside);
            answered(&healthy?)?;
            answered(&hostile?)?;
            let record = scene.record("auto")?;
            let remarks = record.remarks.join("; ");
            ensure!(remarks.contains(remark), "expected {remark:?} in {remarks:?}");
            ensure!(record.policy.is_none(), "{record:?}");
        }
        scene.settled().await?;
        scene.stop().await
    });
    assert!(log.contains(remark), "{remark:?} is not in the log: {log}");
}

/// The healthy candidate answers, and what the guest had to say fills neither memory nor log.
pub(super) fn is_kept_short(guest: &Guest) {
    const ROOM: usize = 64 << 10;
    let log = on_any_executor(async |cache| {
        let scene = Scene::start(guest, cache).await?;
        answered(&scene.chat("auto", false).await?)?;
        let kept = serde_json::to_string(&*scene.record("auto")?)?.len();
        ensure!(kept <= ROOM, "{kept} bytes are kept of one request");
        scene.settled().await?;
        scene.stop().await
    });
    assert!(log.len() <= ROOM, "{} bytes were logged of one request", log.len());
}

/// A gateway with the guest does not start, and says why.
pub(super) fn cannot_be_loaded(guest: &Guest, why: &str) {
    on_any_executor(async |cache| {
        let error = match Scene::start(guest, cache).await {
            Ok(_) => anyhow::bail!("{} was loaded", guest.name),
            Err(error) => format!("{error:#}"),
        };
        ensure!(error.contains(why), "expected {why:?} in {error:?}");
        ensure!(error.contains(".hostile]"), "{error}");
        Ok(())
    });
}

/// Fifty times over, the process is no larger than before.
pub(super) fn goes_back_to_where_it_was(guest: &Guest) {
    const TIMES: usize = 50;
    const ROOM: usize = 64 << 20;
    let _alone = PROCESS.write().unwrap_or_else(PoisonError::into_inner);
    let outcome = on_two_workers(async {
        let scene = Scene::start(guest, Path::new(CACHE)).await?;
        // By its own name: behind it nobody answers, and its circuit does not spare it.
        let model = format!("hostile/{}", guest.models[0]);
        let ask = async || {
            let answer = scene.chat(&model, true).await?;
            ensure!(answer.status >= 400, "{answer:?}");
            scene.settled().await
        };
        ask().await?;
        let before = resident()?;
        for _ in 0..TIMES {
            ask().await?;
        }
        let grown = resident()?.saturating_sub(before);
        ensure!(grown <= ROOM, "it grew by {} MiB", grown >> 20);
        let tried = scene.record(&model)?.tried.len();
        ensure!(tried == 1, "the guest was not asked");
        scene.stop().await
    });
    outcome.context(guest.name).expect("memory goes back to where it was");
}
