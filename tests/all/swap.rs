//! Another version of a plugin in the place of the one that serves.

use crate::caller::{Caller, Http, JSON, PATIENCE, Reply};
use crate::house::{House, chat, provider, route, text_of, until};
use anyhow::{Context, Result, ensure};
use http::Method;
use http_body_util::BodyExt;
use portcullis_tests::guest::Guest;
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

/// Two candidates, between which the two policies that these tests swap disagree.
fn two(policy: &str) -> String {
    [
        &provider("house", "priority = 20\n"),
        &provider("spare", "priority = 10\n"),
        "[policies.way]\nplugin = \"",
        policy,
        "\"\n[routes.default]\npolicies = [\"way\"]\n\
         candidates = [\"house/echo\", \"spare/echo\"]\n",
    ]
    .concat()
}

async fn post(house: &House, path: &str, body: Value) -> Result<Reply> {
    Caller::to(house.running.admin, Http::One).await?.post(path, &body).await
}

async fn swap(house: &House, body: Value) -> Result<Value> {
    let reply = post(house, "/api/v1/policies/way/swap", body).await?;
    ensure!(reply.status == 200, "{reply:?}");
    reply.json()
}

/// That a swap fails in this stage with these words, and that nothing was changed.
async fn fails(house: &House, path: &str, body: Value, stage: &str, why: &str) -> Result<()> {
    let before = house.admin("/api/v1/plugins").await?.json()?;
    let reply = post(house, path, body.clone()).await?;
    ensure!(reply.status == 422, "{body}: {reply:?}");
    let said = reply.json()?;
    ensure!(said["stage"] == stage, "{body}: {said}");
    ensure!(said["why"].as_str().is_some_and(|said| said.contains(why)), "{body}: {said}");
    let after = house.admin("/api/v1/plugins").await?.json()?;
    let serving = |plugins: &Value| -> Vec<Value> {
        let plugins = plugins.as_array().into_iter().flatten();
        plugins.flat_map(|it| [it["digest"].clone(), it["generation"].clone()]).collect()
    };
    ensure!(serving(&before) == serving(&after), "{body}: {after}");
    Ok(())
}

/// Who answers.
async fn goes_to(house: &House) -> Result<String> {
    let reply = house.chat("auto", false).await?;
    ensure!(reply.status == 200, "{reply:?}");
    Ok(reply.header("x-portcullis-candidate").to_owned())
}

/// What happened to a plugin, as words and numbers of generations.
async fn history(house: &House, path: &str) -> Result<Vec<(String, u64)>> {
    let shown = house.admin(&format!("/api/v1/{path}/history")).await?.json()?;
    let history = shown["history"].as_array().context("no history")?.iter();
    let change = |it: &Value| Some((it["what"].as_str()?.to_owned(), it["generation"].as_u64()?));
    history.map(|it| change(it).with_context(|| it.to_string())).collect()
}

/// Waits until this happened to a plugin.
async fn happened(house: &House, path: &str, what: &str, generation: u64) -> Result<()> {
    let wanted = (what.to_owned(), generation);
    let looking = async {
        while !history(house, path).await?.contains(&wanted) {}
        anyhow::Ok(())
    };
    let looked = tokio::time::timeout(PATIENCE, looking).await;
    looked.with_context(|| format!("{path} was never {what}"))?
}

/// A guest's component with its manifest, in a folder.
fn package(files: &TempDir, guest: &Guest, stamp: Option<&str>) -> Result<PathBuf> {
    let folder = files.path().join(format!("{}-{}", guest.name, stamp.unwrap_or_default()));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("plugin.toml"), guest.manifest())?;
    let mut component = std::fs::read(guest.component())?;
    if let Some(stamp) = stamp {
        const OLD: &[u8] = b"stamp:0000000000";
        ensure!(stamp.len() == OLD.len());
        let at = component.windows(OLD.len()).position(|it| it == OLD).context("no stamp")?;
        component[at..at + OLD.len()].copy_from_slice(stamp.as_bytes());
    }
    let path = folder.join("plugin.wasm");
    std::fs::write(&path, component)?;
    Ok(path)
}

#[test]
fn a_policy_is_swapped_and_rolled_back_between_two_requests() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&two("ordered")).await?;
        ensure!(goes_to(&house).await? == "house/echo");
        let swapped = swap(&house, json!({ "plugin": "priority", "reason": "cheaper" })).await?;
        ensure!(swapped["name"] == "policies.way", "{swapped}");
        ensure!(swapped["from"]["plugin"] == "ordered", "{swapped}");
        ensure!(swapped["to"]["plugin"] == "priority" && swapped["to"]["generation"] == 2);
        // The one request that there was goes elsewhere from now on.
        ensure!(swapped["shadow_run"] == json!({ "requests": 1, "changed": 1 }), "{swapped}");
        ensure!(goes_to(&house).await? == "spare/echo");
        // What it says in the configuration has not changed: reading it again changes nothing.
        house.reload().await?;
        ensure!(goes_to(&house).await? == "spare/echo");
        let back = post(&house, "/api/v1/policies/way/rollback", json!({ "reason": "dear" }));
        let back = back.await?.json()?;
        ensure!(back["generation"] == 1, "{back}");
        ensure!(goes_to(&house).await? == "house/echo");
        happened(&house, "policies/way", "drained", 2).await?;
        let happened = history(&house, "policies/way").await?;
        let happened: Vec<_> = happened.iter().map(|(what, of)| (what.as_str(), *of)).collect();
        ensure!(happened.starts_with(&[("configured", 1), ("published", 2)]), "{happened:?}");
        ensure!(happened.contains(&("rolled-back", 2)), "{happened:?}");
        let again = post(&house, "/api/v1/policies/way/rollback", json!({})).await?;
        ensure!(again.status == 409 && again.text()?.contains("no version to go back to"));
        house.settled().await
    })
}

#[test]
fn a_swap_that_fails_changes_nothing_and_says_where() -> Result<()> {
    const POLICY: &str = "/api/v1/policies/way/swap";
    const PROVIDER: &str = "/api/v1/providers/house/swap";
    on_two_workers(async {
        let files = TempDir::new()?;
        let house = House::open(&two("ordered")).await?;
        goes_to(&house).await?;
        let file = |path: &Path| json!({ "path": path });
        fails(&house, POLICY, file(&files.path().join("none.wasm")), "fetch", "No such file")
            .await?;
        fails(&house, POLICY, json!({ "plugin": "none" }), "fetch", "no plugin is called").await?;
        let spins = package(&files, &Guest::provider("spins_in_describe"), None)?;
        let mut named = file(&spins);
        named["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
        fails(&house, POLICY, named, "verify", "its digest is sha256:").await?;
        fails(&house, POLICY, file(&spins), "inspect", "provider-plugin").await?;
        fails(
            &house,
            POLICY,
            json!({ "plugin": "experiment" }),
            "inspect",
            "its settings are wrong",
        )
        .await?;
        let greedy = Guest::policy("asks_for_kv").asks(&["kv"]);
        fails(&house, POLICY, file(&package(&files, &greedy, None)?), "inspect", "kv").await?;
        let broken = package(&files, &Guest::policy("traps"), None)?;
        std::fs::write(&broken, b"\0asm\x0d\0\x01\0 and then something else")?;
        fails(&house, POLICY, file(&broken), "compile", "does not compile").await?;
        fails(&house, PROVIDER, file(&spins), "smoke", "in `describe`").await?;
        let panics = package(&files, &Guest::policy("panics_in_decide"), None)?;
        fails(&house, POLICY, file(&panics), "shadow-run", "plugin-trapped").await?;
        let spins = package(&files, &Guest::provider("spins_in_start"), None)?;
        fails(&house, PROVIDER, file(&spins), "shadow-run", "CPU time").await?;
        let other = json!({ "plugin": "priority", "max_changed": 0.5 });
        let why = "1 of the newest 1 requests (100.0 %) would be decided otherwise";
        fails(&house, POLICY, other, "shadow-run", why).await?;
        for (wrong, why) in [
            (json!({}), "expected `path`"),
            (json!({ "plugin": "ordered", "max_changed": 5 }), "expected a share from 0 to 1"),
            (json!({ "plugin": "ordered", "canary": -0.1 }), "expected a share from 0 to 1"),
            (json!({ "path": "x", "digest": "sha256:12" }), "64 hexadecimal digits"),
            (json!({ "plugin": "ordered", "force": true }), "unknown field `force`"),
        ] {
            let reply = post(&house, POLICY, wrong.clone()).await?;
            ensure!(reply.status == 400 && reply.text()?.contains(why), "{wrong}: {reply:?}");
        }
        let nobody = post(&house, "/api/v1/policies/none/swap", json!({})).await?;
        ensure!(nobody.status == 404 && nobody.text()?.contains("[policies.none]"), "{nobody:?}");
        ensure!(house.admin(POLICY).await?.status == 405);
        ensure!(house.admin("/api/v1/policies/way/paint").await?.status == 404);
        ensure!(goes_to(&house).await? == "house/echo");
        house.settled().await
    })
}

#[test]
fn what_is_tried_out_serves_its_share_until_it_is_promoted() -> Result<()> {
    let asked = async |house: &House| -> Result<Vec<bool>> {
        let mut others = Vec::new();
        for number in 0..60 {
            let mut caller = house.caller(Http::One).await?;
            let (id, body) = (format!("request-{number}"), chat("auto", false).to_string());
            let headers = [JSON, ("x-request-id", id.as_str())];
            let request = caller.request(Method::POST, "/v1/chat/completions", &headers, body)?;
            let reply = caller.ask(request).await?;
            others.push(reply.header("x-portcullis-candidate") == "spare/echo");
        }
        Ok(others)
    };
    on_two_workers(async {
        let house = House::open(&two("ordered")).await?;
        let swapped = swap(&house, json!({ "plugin": "priority", "canary": 0.3 })).await?;
        ensure!(swapped["canary"] == 0.3, "{swapped}");
        let first = asked(&house).await?;
        let share = first.iter().filter(|other| **other).count();
        ensure!((9..=27).contains(&share), "{share} of 60");
        // The same request meets the same version.
        ensure!(asked(&house).await? == first);
        let shown = house.admin("/api/v1/policies/way/history").await?.json()?;
        ensure!(shown["generation"] == 1 && shown["trial"]["generation"] == 2, "{shown}");
        let promoted = post(&house, "/api/v1/policies/way/promote", json!({})).await?;
        ensure!(promoted.json()?["generation"] == 2);
        ensure!(asked(&house).await?.iter().all(|other| *other));
        let again = post(&house, "/api/v1/policies/way/promote", json!({})).await?;
        ensure!(again.status == 409, "{again:?}");
        // One that is tried out ends alone.
        swap(&house, json!({ "plugin": "ordered", "canary": 1.0 })).await?;
        ensure!(goes_to(&house).await? == "house/echo");
        let back = post(&house, "/api/v1/policies/way/rollback", json!({})).await?.json()?;
        ensure!(back["generation"] == 2 && back["trial"].is_null(), "{back}");
        ensure!(goes_to(&house).await? == "spare/echo");
        // What does well is promoted by itself.
        swap(&house, json!({ "plugin": "ordered", "canary": 1.0 })).await?;
        for _ in 0..200 {
            goes_to(&house).await?;
        }
        happened(&house, "policies/way", "promoted", 4).await
    })
}

#[test]
fn a_version_that_traps_is_taken_back_and_kept_out() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let house = House::open(&two("priority")).await?;
        let panics = package(&files, &Guest::policy("panics_in_decide"), None)?;
        // No request has come so far that it could be tried on.
        let swapped = swap(&house, json!({ "path": panics })).await?;
        for _ in 0..4 {
            // Each is served all the same, in the route's order.
            ensure!(goes_to(&house).await? == "house/echo");
        }
        happened(&house, "policies/way", "rolled-back", 2).await?;
        ensure!(goes_to(&house).await? == "spare/echo");
        let digest = swapped["to"]["digest"].as_str().context("no digest")?;
        let kept = house.admin("/api/v1/quarantine").await?.json()?;
        ensure!(kept[0]["digest"] == digest, "{kept}");
        let why = kept[0]["why"].as_str().unwrap_or_default();
        ensure!(why == "4 of its latest 4 calls ended in a fault", "{kept}");
        let path = "/api/v1/policies/way/swap";
        fails(&house, path, json!({ "path": panics }), "verify", "is in quarantine").await?;
        // Nor does it come in by the configuration.
        let named = two("ordered").replace("\"ordered\"", &format!("{{ path = {panics:?} }}"));
        house.rewrite(&named)?;
        let why = house.reload().await.err().context("it was taken")?.to_string();
        ensure!(why.contains("is in quarantine"), "{why}");
        // Who knows better says so; by now there are requests that it fails on.
        let anyway = json!({ "path": panics, "lift_quarantine": true });
        fails(&house, path, anyway, "shadow-run", "plugin-trapped").await?;
        house.settled().await
    })
}

#[test]
fn a_version_that_fails_more_often_is_taken_back() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let text = [
            provider("house", ""),
            provider("spare", ""),
            route(&["house/echo", "spare/echo"], ""),
        ];
        let house = House::open(&text.concat()).await?;
        let fails = package(&files, &Guest::provider("fails_at_length"), None)?;
        let swapped =
            post(&house, "/api/v1/providers/house/swap", json!({ "path": fails })).await?;
        ensure!(swapped.status == 200, "{swapped:?}");
        let failing = async {
            // Its circuit opens, and it is asked less and less: those who name it ask it all the
            // same.
            while goes_to_house(&house).await? != 200 {}
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, failing).await.context("it stayed")??;
        happened(&house, "providers/house", "rolled-back", 2).await?;
        // It did no harm but failing, and may come again.
        ensure!(house.admin("/api/v1/quarantine").await?.json()? == json!([]));
        house.settled().await
    })
}

async fn goes_to_house(house: &House) -> Result<u16> {
    Ok(house.chat("house/echo", false).await?.status)
}

#[test]
fn who_has_begun_with_a_version_ends_with_it() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let [one, two] = ["stamp:one-one-one", "stamp:two-two-two"].map(|it| &it[..16]);
        let guest = Guest::provider("stamps");
        let [first, second] =
            [package(&files, &guest, Some(one))?, package(&files, &guest, Some(two))?];
        let text = format!(
            "[providers.house]\nplugin = {{ path = {first:?} }}\nbase_url = \"UPSTREAM/v1\"\n\
             open_models = true\n"
        );
        let house = House::open(&text).await?;
        let mut caller = house.caller(Http::One).await?;
        let body = chat("house/echo-50ms", true).to_string();
        let request = caller.request(Method::POST, "/v1/chat/completions", &[JSON], body)?;
        let mut stream = caller.begin(request).await?.into_body();
        stream.frame().await.context("no content came")??;
        let swapped = post(&house, "/api/v1/providers/house/swap", json!({ "path": second }));
        let swapped = swapped.await?;
        ensure!(swapped.status == 200, "{swapped:?}");
        ensure!(house.chat("house/echo", false).await?.text()?.contains(two));
        let drained = ("drained".to_owned(), 1);
        ensure!(!history(&house, "providers/house").await?.contains(&drained), "it is in use");
        let rest = stream.collect().await.context("the stream was cut off")?.to_bytes();
        let rest = String::from_utf8_lossy(&rest);
        ensure!(rest.contains(one) && !rest.contains(two), "{rest}");
        drop(caller);
        happened(&house, "providers/house", "drained", 1).await?;
        house.settled().await
    })
}

/// While both are swapped all the time, no request fails, and none meets two versions, though each
/// takes two calls.
#[test]
pub(crate) fn nothing_is_mixed_while_plugins_are_swapped() -> Result<()> {
    const SWAPS: usize = 20;
    on_two_workers(async {
        let files = TempDir::new()?;
        let guest = Guest::provider("stamps");
        let stamps = ["stamp:aaaaaaaaaa", "stamp:bbbbbbbbbb"];
        let packages =
            [package(&files, &guest, Some(stamps[0]))?, package(&files, &guest, Some(stamps[1]))?];
        let text = format!(
            "[providers.house]\nplugin = {{ path = {:?} }}\nbase_url = \"UPSTREAM/v1\"\n\
             open_models = true\n[policies.way]\nplugin = \"ordered\"\n[routes.default]\n\
             policies = [\"way\"]\ncandidates = [\"house/echo\"]\n",
            packages[0]
        );
        let house = House::open(&text).await?;
        let over = AtomicBool::new(false);
        let asking = async |worker: usize| {
            let mut caller = house.caller(Http::One).await?;
            let mut seen = BTreeSet::new();
            let mut number = 0;
            while !over.load(Ordering::Relaxed) {
                number += 1;
                // It fails once, and is asked again.
                let model = format!("house/flaky-1-{worker}-{number}");
                let reply = caller.chat(&chat(&model, number % 2 == 0)).await?;
                ensure!(reply.status == 200, "{reply:?}");
                let said = if number % 2 == 0 {
                    text_of(&reply.events()?)?
                } else {
                    reply.text()?.to_owned()
                };
                let calls =
                    house.upstream.requests().into_iter().filter(|it| model.ends_with(&it.model));
                let stamped: BTreeSet<String> = calls
                    .filter_map(|it| Some(it.headers.get("x-stamp")?.to_str().ok()?.to_owned()))
                    .collect();
                let stamped: Vec<&String> = stamped.iter().collect();
                ensure!(house.calls(&model["house/".len()..]) == 2, "{model} took other calls");
                ensure!(stamped.len() == 1, "{model}: {stamped:?}");
                let other = stamps.iter().find(|it| *it != stamped[0]).context("no other")?;
                ensure!(said.contains(stamped[0].as_str()) && !said.contains(other), "{said}");
                seen.insert(stamped[0].clone());
            }
            anyhow::Ok(seen)
        };
        let swapping = async {
            for number in 1..=SWAPS {
                let path = &packages[number % 2];
                let swapped = post(&house, "/api/v1/providers/house/swap", json!({ "path": path }));
                let swapped = swapped.await?;
                ensure!(swapped.status == 200, "{swapped:?}");
                let plugin = ["ordered", "priority"][number % 2];
                swap(&house, json!({ "plugin": plugin })).await?;
                ensure!(house.chat("auto", false).await?.status == 200);
            }
            over.store(true, Ordering::Relaxed);
            anyhow::Ok(())
        };
        let (swapped, a, b) = tokio::join!(swapping, asking(1), asking(2));
        swapped?;
        let seen: BTreeSet<String> = a?.into_iter().chain(b?).collect();
        ensure!(seen.len() == 2, "only {seen:?} was ever seen at work");
        // Of those that are gone, nothing is held.
        let last = SWAPS as u64 + 1;
        happened(&house, "providers/house", "drained", last - 1).await?;
        until(|| house.running.gateway.deployment().providers[0].plugin.pin().id == last).await?;
        house.settled().await
    })
}

#[test]
fn a_page_in_a_browser_swaps_nothing() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&two("ordered")).await?;
        let mut admin = Caller::to(house.running.admin, Http::One).await?;
        let page = [JSON, ("origin", "https://example.com")];
        let body = json!({ "plugin": "priority" }).to_string();
        let request = admin.request(Method::POST, "/api/v1/policies/way/swap", &page, body)?;
        ensure!(admin.begin(request).await?.status() == 403);
        ensure!(goes_to(&house).await? == "house/echo");
        Ok(())
    })
}

#[test]
fn a_policy_that_keeps_state_is_not_asked_about_requests_that_are_over() -> Result<()> {
    on_two_workers(async {
        let text = two("bandit").replace("\"bandit\"\n", "\"bandit\"\ngrants = [\"kv\"]\n");
        let house = House::open(&text).await?;
        goes_to(&house).await?;
        let swapped = swap(&house, json!({ "plugin": "bandit" })).await?;
        ensure!(swapped["shadow_run"] == json!({ "requests": 0, "changed": 0 }), "{swapped}");
        Ok(())
    })
}
