//! Reading the configuration again while requests are served.

use crate::caller::{Caller, Http, JSON, PATIENCE};
use crate::house::{House, chat, provider, route, until};
use anyhow::{Context, Result, ensure};
use http::Method;
use http_body_util::BodyExt;
use portcullis::circuit::State;
use portcullis::config::{Environment, Scope};
use portcullis::watch::Watch;
use portcullis_tests::process::on_two_workers;
use std::sync::Arc;
use std::time::Duration;

const RELOAD: &str = "/api/v1/reload";

fn one_house(further: &str) -> String {
    [provider("house", further), route(&["house/echo"], "")].concat()
}

#[test]
fn what_is_new_is_served_and_what_is_gone_is_not() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&one_house("")).await?;
        ensure!(house.chat("other/echo", false).await?.status == 404);
        house.rewrite(&[provider("other", ""), route(&["other/echo"], "")].concat())?;
        // Nobody has read it yet.
        ensure!(house.chat("other/echo", false).await?.status == 404);
        let reloaded = house.reload().await?;
        ensure!(reloaded.deployment == 2, "{reloaded:?}");
        let expected = [
            "providers.other (new)",
            "providers.house (gone)",
            "models.other/echo (new)",
            "models.house/echo (gone)",
            "routes.default",
        ];
        ensure!(reloaded.changed == expected, "{reloaded:?}");
        ensure!(reloaded.at_next_start.is_empty(), "{reloaded:?}");
        for streaming in [true, false] {
            let answer = house.chat("auto", streaming).await?;
            ensure!(answer.header("x-portcullis-candidate") == "other/echo", "{answer:?}");
        }
        ensure!(house.chat("house/echo", false).await?.status == 404);
        house.settled().await
    })
}

#[test]
fn who_has_begun_ends_with_what_it_began_with() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&one_house("")).await?;
        let mut caller = house.caller(Http::One).await?;
        let body = chat("house/echo-50ms", true).to_string();
        let request = caller.request(Method::POST, "/v1/chat/completions", &[JSON], body)?;
        let mut stream = caller.begin(request).await?.into_body();
        stream.frame().await.context("no content came")??;
        let old = house.running.gateway.deployment();
        house.rewrite(&[provider("other", ""), route(&["other/echo"], "")].concat())?;
        house.reload().await?;
        let rest = stream.collect().await.context("the stream was cut off")?.to_bytes();
        ensure!(rest.ends_with(b"data: [DONE]\n\n"), "{rest:?}");
        // Nothing of what is gone is held for longer than somebody uses it.
        drop(caller);
        until(|| Arc::strong_count(&old) == 1).await.context("somebody holds the old one")?;
        house.settled().await
    })
}

#[test]
fn what_did_not_change_goes_on_as_it_was() -> Result<()> {
    on_two_workers(async {
        let text = one_house("");
        let house = House::open(&text).await?;
        house.chat("house/opened", false).await?;
        house.candidate(0).circuit.failed(Some(Duration::from_secs(60)));
        let before = house.running.gateway.deployment();
        house.rewrite(&[provider("first", ""), text].concat())?;
        let reloaded = house.reload().await?;
        ensure!(reloaded.changed == ["providers.first (new)"], "{reloaded:?}");
        let after = house.running.gateway.deployment();
        ensure!(Arc::ptr_eq(&before.providers[0], &after.providers[1]), "it was made anew");
        let caller = portcullis::tenant::Caller::unknown("default", Scope::default());
        ensure!(
            after
                .routes
                .find("auto", &caller)
                .is_ok_and(|target| { target.candidates[0].circuit.state() == State::Open })
        );
        // A model that clients named, and no file does, has its past as well.
        let opened = |deployment: &portcullis::deployment::Deployment| {
            let target = deployment.routes.find("house/opened", &caller).ok()?;
            Some(target.candidates[0].circuit.clone())
        };
        let (was, is) = (opened(&before).context("it is gone")?, opened(&after));
        ensure!(is.is_some_and(|is| Arc::ptr_eq(&was, &is)), "it was forgotten");
        // Another address is another upstream: what the old one did says nothing of it.
        let elsewhere = provider("house", "base_url = \"UPSTREAM/v2\"\n");
        house.rewrite(&[elsewhere, route(&["house/echo"], "")].concat())?;
        let reloaded = house.reload().await?;
        ensure!(reloaded.changed.contains(&"providers.house".to_owned()), "{reloaded:?}");
        ensure!(house.candidate(0).circuit.state() == State::Closed);
        Ok(())
    })
}

#[test]
fn a_new_price_holds_from_the_next_request_and_leaves_the_provider_alone() -> Result<()> {
    let priced = |price: &str| {
        let model =
            format!("models = [{{ id = \"echo\", input_price = {price}, output_price = 0 }}]");
        [provider("house", &model), route(&["house/echo"], "")].concat()
    };
    on_two_workers(async {
        let house = House::open(&priced("1.0")).await?;
        house.chat("auto", false).await?;
        let cheap = house.record("auto").await?.cost_usd.context("it has a price")?;
        house.candidate(0).circuit.failed(Some(Duration::from_millis(1)));
        house.rewrite(&priced("10.0"))?;
        let reloaded = house.reload().await?;
        ensure!(reloaded.changed == ["models.house/echo"], "{reloaded:?}");
        house.chat("house/echo", false).await?;
        let dear = house.record("house/echo").await?.cost_usd.context("it has a price")?;
        ensure!((dear / cheap - 10.0).abs() < 1e-6, "{cheap} {dear}");
        Ok(())
    })
}

#[test]
fn a_file_that_is_wrong_changes_nothing_and_says_all_that_is_wrong() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&one_house("")).await?;
        let wrong = "[providers.house]\nplugin = \"opnai\"\nbase_url = \"UPSTREAM\"\nprio = 1\n";
        house.rewrite(wrong)?;
        let why = house.reload().await.err().context("it was taken")?.to_string();
        ensure!(why.contains("prio"), "{why}");
        let mut admin = Caller::to(house.running.admin, Http::One).await?;
        let answer = admin.post(RELOAD, &"".into()).await?;
        ensure!(answer.status == 422, "{answer:?}");
        let problems = answer.json()?;
        ensure!(
            problems["problems"][0].as_str().is_some_and(|it| it.contains("prio")),
            "{problems}"
        );
        // A file that is right with a plugin that is not there.
        house.rewrite(&wrong.replace("prio", "priority"))?;
        let why = house.reload().await.err().context("it was taken")?.to_string();
        ensure!(why.contains("opnai"), "{why}");
        let answer = house.chat("auto", true).await?;
        ensure!(answer.header("x-portcullis-candidate") == "house/echo", "{answer:?}");
        ensure!(house.running.gateway.deployment().number == 1);
        Ok(())
    })
}

#[test]
fn what_only_a_new_process_can_change_is_named_and_stays() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&one_house("")).await?;
        house.rewrite(&format!("concurrency = 7\ndrain = \"1s\"\n{}", one_house("")))?;
        for _ in 0..2 {
            let reloaded = house.reload().await?;
            ensure!(
                reloaded.at_next_start == ["server.drain", "server.concurrency"],
                "{reloaded:?}"
            );
            ensure!(reloaded.changed.is_empty(), "{reloaded:?}");
        }
        let places = house.running.gateway.places.available_permits();
        ensure!(places == house.running.gateway.deployment().config.server.concurrency);
        Ok(())
    })
}

#[test]
fn the_operator_can_ask_for_it_and_a_page_in_a_browser_cannot() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&one_house("")).await?;
        let mut admin = Caller::to(house.running.admin, Http::One).await?;
        let page = [("origin", "https://example.com")];
        let request = admin.request(Method::POST, RELOAD, &page, "")?;
        ensure!(admin.begin(request).await?.status() == 403);
        ensure!(house.running.gateway.deployment().number == 1);
        let mut admin = Caller::to(house.running.admin, Http::One).await?;
        let answer = admin.post(RELOAD, &"".into()).await?;
        ensure!(answer.status == 200, "{answer:?}");
        ensure!(answer.json()?["deployment"] == 2, "{answer:?}");
        ensure!(admin.get(RELOAD).await?.status == 405);
        Ok(())
    })
}

#[test]
fn a_file_is_changed_when_it_holds_something_else() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&one_house("")).await?;
        let config = house.running.gateway.deployment().config.clone();
        let mut watch = Watch::of(&config);
        // The same text, and to read it, is no news.
        house.rewrite(&one_house(""))?;
        let changed = tokio::time::timeout(Duration::from_millis(400), watch.changed()).await;
        ensure!(changed.is_err(), "nothing changed");
        house.rewrite(&one_house("priority = 3"))?;
        tokio::time::timeout(PATIENCE, watch.changed()).await.context("nobody noticed")?;
        // A new file in the place of the old one.
        let file = config.sources.first().context("there is no file")?;
        let next = file.with_extension("new");
        std::fs::copy(file, &next)?;
        house.rewrite(&one_house("priority = 4"))?;
        tokio::time::timeout(PATIENCE, watch.changed()).await.context("nobody noticed")?;
        std::fs::rename(&next, file)?;
        tokio::time::timeout(PATIENCE, watch.changed()).await.context("nobody noticed")?;
        let reread = config.reread(&Environment::default())?;
        ensure!(reread.providers[0].priority == 3);
        Ok(())
    })
}
