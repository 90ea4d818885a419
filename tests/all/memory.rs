//! What plugins answered before is answered again without them, and never when it might be
//! another answer by now.

use crate::caller::Reply;
use crate::house::{House, kinds, provider, route};
use anyhow::{Context, Result, ensure};
use portcullis_tests::process::on_two_workers;

/// A house whose route asks the policy `in-order`, with further lines for it.
fn ordered(candidates: &[&str], further: &str) -> String {
    let policy = format!("[policies.in-order]\nplugin = \"ordered\"\n{further}\n");
    let route = route(candidates, "").replace("policies = []", "policies = [\"in-order\"]");
    [policy, route].concat()
}

/// Answers of a plugin that were recalled, as its operator sees it.
async fn recalled(house: &House, name: &str) -> Result<Option<u64>> {
    let plugins = house.admin("/api/v1/plugins").await?.json()?;
    let mut plugins = plugins.as_array().context("no list")?.iter();
    let plugin = plugins.find(|plugin| plugin["name"] == name).context("no such plugin")?;
    Ok(plugin["recalled"].as_u64())
}

fn from(answer: &Reply, candidate: &str) -> Result<()> {
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(answer.header("x-portcullis-candidate") == candidate, "{answer:?}");
    Ok(())
}

#[test]
fn the_same_question_is_asked_once() -> Result<()> {
    on_two_workers(async {
        let text = [provider("house", ""), ordered(&["house/echo", "house/other"], "")].concat();
        let house = House::open(&text).await?;
        let mut records = Vec::new();
        for times in 0..3 {
            for streaming in [false, true] {
                from(&house.chat("auto", streaming).await?, "house/echo")?;
                let record = house.record("auto").await?;
                records.push((record.policy.clone(), record.reason.clone()));
            }
            // Neither the policy nor the route's order rests on whether it streams; the call does.
            ensure!(recalled(&house, "policies.in-order").await? == Some(2 * times + 1));
            ensure!(recalled(&house, "providers.house").await? == Some(2 * times));
        }
        records.dedup();
        ensure!(records.len() == 1 && records[0].0.is_some(), "{records:?}");
        ensure!(house.calls("echo") == 6);
        Ok(())
    })
}

#[test]
fn what_changed_since_is_decided_anew() -> Result<()> {
    on_two_workers(async {
        let candidates = ["house/error-500", "spare/echo"];
        let text = [provider("house", ""), provider("spare", ""), ordered(&candidates, "")];
        let house = House::open(&text.concat()).await?;
        let ill = "last: house/error-500 (circuit open)";
        // Until the circuit opens the decision is the same one each time, and then it is not.
        loop {
            from(&house.chat("auto", false).await?, "spare/echo")?;
            let record = house.record("auto").await?;
            if record.reason.ends_with(ill) {
                ensure!(record.tried.len() == 1, "{record:?}");
                break;
            }
            ensure!(record.tried.last().is_some_and(|last| last.failure.is_none()), "{record:?}");
        }
        ensure!(recalled(&house, "policies.in-order").await?.is_some_and(|times| times > 0));
        Ok(())
    })
}

#[test]
fn what_the_operator_switched_off_is_asked_each_time() -> Result<()> {
    on_two_workers(async {
        let text =
            [provider("house", "remember = false"), ordered(&["house/echo"], "remember = false")];
        let house = House::open(&text.concat()).await?;
        for _ in 0..3 {
            from(&house.chat("auto", false).await?, "house/echo")?;
        }
        ensure!(recalled(&house, "policies.in-order").await?.is_none());
        ensure!(recalled(&house, "providers.house").await?.is_none());
        Ok(())
    })
}

#[test]
fn a_call_whose_answer_its_sandbox_reads_is_never_recalled() -> Result<()> {
    on_two_workers(async {
        let [_, translated] = kinds("");
        let house = House::open(&[translated, route(&["house/echo"], "")].concat()).await?;
        for streaming in [false, false, true, true] {
            from(&house.chat("auto", streaming).await?, "house/echo")?;
        }
        ensure!(recalled(&house, "providers.house").await? == Some(0));
        Ok(())
    })
}
