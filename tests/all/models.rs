//! The list of models: what is configured, and what open providers offer beyond that.

use crate::caller::Http;
use crate::house::{House, provider};
use anyhow::{Context, Result, ensure};
use portcullis_tests::process::on_two_workers;

async fn ids(house: &House) -> Result<Vec<String>> {
    let list = house.caller(Http::One).await?.get("/v1/models").await?.json()?;
    let models = list["data"].as_array().context("it is no list")?;
    Ok(models.iter().filter_map(|model| model["id"].as_str().map(str::to_owned)).collect())
}

#[test]
fn an_open_provider_is_asked_for_its_models_once_in_a_while() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&provider("house", "models = [\"echo\"]")).await?;
        let first = ids(&house).await?;
        ensure!(first.first().is_some_and(|id| id == "default"), "{first:?}");
        let echo = first.iter().filter(|id| *id == "house/echo").count();
        ensure!(echo == 1, "a model that is configured and offered is listed once: {first:?}");
        ensure!(
            first.iter().any(|id| id == "house/tools"),
            "what is offered is missing: {first:?}"
        );
        ensure!(ids(&house).await? == first, "the list changed");
        let asked = house.upstream.requests().iter().filter(|r| r.path == "/v1/models").count();
        ensure!(asked == 1, "it was asked {asked} times");
        Ok(())
    })
}

#[test]
fn an_upstream_that_is_away_takes_nothing_from_the_list() -> Result<()> {
    on_two_workers(async {
        // Nobody listens on the discard port.
        let away = provider("away", "base_url = \"http://127.0.0.1:9/v1\"\nmodels = [\"m\"]");
        let house = House::open(&away).await?;
        ensure!(ids(&house).await? == ["default", "away/m"], "{:?}", ids(&house).await?);
        Ok(())
    })
}
