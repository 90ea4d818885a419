//! Every admitted request closes exactly one entry, however it ends.

use crate::caller::{Caller, Http, JSON};
use crate::house::{House, chat, kinds, until};
use anyhow::{Result, ensure};
use http::Method;
use http_body_util::BodyExt as _;
use portcullis::record::End;
use portcullis_tests::process::on_two_workers;
use std::collections::BTreeMap;

/// Begins a stream, takes its first piece and goes away.
async fn leave(mut caller: Caller, model: &str) -> Result<()> {
    let body = chat(model, true).to_string();
    let request = caller.request(Method::POST, "/v1/chat/completions", &[JSON], body)?;
    let mut response = caller.begin(request).await?;
    ensure!(response.body_mut().frame().await.is_some(), "the stream was empty");
    Ok(())
}

#[test]
fn every_admitted_request_closes_one_entry() -> Result<()> {
    on_two_workers(async {
        for lines in kinds("") {
            let house = House::open(&lines).await?;
            let expected = [
                ("house/echo", false, End::Finished),
                ("house/echo-streamed", true, End::Finished),
                ("house/error-400", false, End::Failed),
                ("house/cut-after-3", true, End::Failed),
                ("house/flaky-1-entry", true, End::Finished),
            ];
            for (model, streaming, _) in expected {
                house.chat(model, streaming).await?;
            }
            leave(house.caller(Http::One).await?, "house/echo-20ms").await?;
            // Refused before it is admitted: no entry.
            house.chat("nobody", false).await?;
            house.settled().await?;
            let newest = || house.running.gateway.records.newest();
            until(|| newest().len() > expected.len()).await?;
            let mut ends = BTreeMap::new();
            for record in newest() {
                let twice = ends.insert(record.asked.clone(), record.end);
                ensure!(twice.is_none(), "two entries of {}", record.asked);
            }
            for (model, _, end) in expected {
                ensure!(ends.remove(model) == Some(Some(end)), "{model}: {ends:?}");
            }
            ensure!(ends.remove("house/echo-20ms") == Some(Some(End::Abandoned)), "{ends:?}");
            ensure!(ends.is_empty(), "more entries than requests: {ends:?}");
        }
        Ok(())
    })
}
