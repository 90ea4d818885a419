//! What policies keep: whose it is, how long it lasts, and that it is asked for anew.

use crate::caller::Http;
use crate::house::{House, chat, configured, provider, until};
use anyhow::{Context, Result, ensure};
use portcullis::audit::HOST;
use portcullis::config::Environment;
use portcullis::serve;
use portcullis_test_postgres::Postgres;
use portcullis_tests::guest::Guest;
use portcullis_tests::process::on_two_workers;
use serde_json::json;
use tempfile::TempDir;

/// Counts the requests that it is asked about in `kv`, and says so in place of deciding.
const COUNTS: Guest = Guest::policy("asks_for_kv").asks(&["kv"]);

/// A row of two policies of one plugin, whose manifest lies in that folder.
fn counting(files: &TempDir, ledger: &str, further: &str) -> Result<String> {
    let manifest = files.path().join("plugin.toml");
    std::fs::write(&manifest, COUNTS.manifest())?;
    let plugin = format!("plugin = {{ path = {:?}, manifest = {manifest:?} }}", COUNTS.component());
    let policy =
        |name: &str| format!("[policies.{name}]\n{plugin}\ngrants = [\"kv\"]\n{further}\n");
    let ledger = match ledger {
        "" => String::new(),
        ledger => format!("[ledger]\njournal = \"used\"\n{ledger}\n"),
    };
    let route = "[routes.default]\npolicies = [\"one\", \"two\"]\ncandidates = [\"house/echo\"]\n\
                 [routes.other]\npolicies = [\"one\"]\ncandidates = [\"house/echo\"]\n";
    Ok([&ledger, &provider("house", ""), &policy("one"), &policy("two"), route].concat())
}

/// Asks, and sees what each of the row's policies says of it.
async fn says(house: &House, model: &str, expected: &[&str]) -> Result<()> {
    let reply = house.chat(model, false).await?;
    ensure!(reply.status == 200, "{reply:?}");
    house.settled().await?;
    let record = house.record(model).await?;
    ensure!(record.remarks == expected, "{record:?}");
    Ok(())
}

#[test]
fn what_a_policy_keeps_is_its_own_and_outlives_a_reload_and_the_process() -> Result<()> {
    let files = TempDir::new()?;
    let url = format!("url = \"sqlite:{}\"", files.path().join("kept.db").display());
    outlives(&url, &Environment::default())
}

#[test]
fn what_a_policy_keeps_on_a_server_is_found_there_by_the_next_process() -> Result<()> {
    let server = Postgres::start()?;
    // As a secret, which a URL with a password is. The server asks nobody for theirs.
    let url = server.database()?.replace("portcullis@", "portcullis:hunter2@");
    outlives("url = { env = \"LEDGER\" }", &Environment::from_iter([("LEDGER", url)]))?;
    server.kill()?;
    Ok(())
}

fn outlives(url: &str, environment: &Environment) -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let text = counting(&files, url, "")?;
        let house = House::open_with(&text, environment).await?;
        says(
            &house,
            "auto",
            &["policy one: undecided: request 1", "policy two: undecided: request 1"],
        )
        .await?;
        // Nothing is remembered of what rests on it, and another route's request is one more.
        says(&house, "other", &["policy one: undecided: request 2"]).await?;
        says(
            &house,
            "auto",
            &["policy one: undecided: request 3", "policy two: undecided: request 2"],
        )
        .await?;
        // The same plugin with other limits is loaded anew.
        house.rewrite(&counting(&files, url, "limits = { cpu_ms = 90 }")?)?;
        let reloaded = house.running.reloader.reload(environment, HOST, "a test").await?;
        ensure!(reloaded.changed == ["policies.one", "policies.two"], "{reloaded:?}");
        says(&house, "other", &["policy one: undecided: request 4"]).await?;
        house.running.stop().await;
        let house = House::open_with(&text, environment).await?;
        says(&house, "other", &["policy one: undecided: request 5"]).await
    })
}

#[test]
fn without_a_ledger_it_lasts_as_long_as_the_process() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let text = counting(&files, "", "")?;
        let house = House::open(&text).await?;
        says(&house, "other", &["policy one: undecided: request 1"]).await?;
        house.rewrite(&counting(&files, "", "limits = { cpu_ms = 90 }")?)?;
        house.reload().await?;
        says(&house, "other", &["policy one: undecided: request 2"]).await?;
        let house = House::open(&text).await?;
        says(&house, "other", &["policy one: undecided: request 1"]).await
    })
}

#[test]
fn a_policy_that_can_do_without_is_told_that_it_was_not_granted() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let text = counting(&files, "", "")?.replace("grants = [\"kv\"]", "");
        let opened = House::open(&text).await.err().context("it has what nobody granted")?;
        ensure!(format!("{opened:#}").contains("which is not granted; add \"kv\""), "{opened:#}");
        let optional = COUNTS.manifest().replace("capabilities", "optional");
        std::fs::write(files.path().join("plugin.toml"), optional)?;
        let house = House::open(&text).await?;
        says(&house, "other", &["policy one: undecided: KvError::Denied"]).await
    })
}

#[test]
fn a_ledger_that_cannot_be_opened_is_said_before_anything_is_served() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let file = files.path().join("kept.db");
        std::fs::write(&file, "this is a text, and not a database of any kind whatsoever")?;
        let counting = |url: &str| -> Result<String> {
            let text = counting(&files, &format!("url = \"{url}\""), "")?;
            Ok(text.replace("UPSTREAM", "http://127.0.0.1:1"))
        };
        let text = counting(&format!("sqlite:{}", file.display()))?;
        let config = configured(&files, &text, &Environment::default())?;
        let why = serve::start(config).await.err().context("it was opened")?.to_string();
        ensure!(why.contains("kept.db cannot be opened"), "{why}");
        // Nobody listens there.
        let text = counting("postgres://me:hunter2@127.0.0.1:1/kept")?;
        let config = configured(&files, &text, &Environment::default())?;
        let why = serve::start(config).await.err().context("it was opened")?.to_string();
        ensure!(why.contains("postgres://127.0.0.1:1/kept cannot be opened"), "{why}");
        ensure!(!why.contains("hunter2"), "{why}");
        for (url, expected) in [
            ("postgres://me:hunter2@[kept", "is not supported; expected \"sqlite:\""),
            ("mysql://me:hunter2@localhost/kept", "is not supported; expected \"sqlite:\""),
            ("sqlite:", "is not supported; expected \"sqlite:\""),
            ("sqlite:no/such/folder/kept.db", "there is no folder for"),
        ] {
            let text = counting(url)?;
            let refused = configured(&files, &text, &Environment::default());
            let why = refused.err().context("it was taken")?.to_string();
            ensure!(why.contains(expected) && !why.contains("hunter2"), "{why}");
        }
        Ok(())
    })
}

#[test]
fn another_ledger_is_for_the_next_start() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let house = House::open(&counting(&files, "", "")?).await?;
        let url = format!("url = \"sqlite:{}\"", files.path().join("kept.db").display());
        house.rewrite(&counting(&files, &url, "")?)?;
        let reloaded = house.reload().await?;
        ensure!(reloaded.at_next_start == ["ledger"], "{reloaded:?}");
        Ok(())
    })
}

#[test]
fn the_director_counts_what_a_conversation_spends_where_it_may() -> Result<()> {
    const POLICY: &str = "[policies.director]\nplugin = \"director\"\ngrants = [\"kv\"]\n\
         [policies.director.settings]\n\
         tasks.coding = { primary = [\"house/echo-dear\"], fallback = [\"house/echo\"] }\n\
         expensive = { models = [\"house/echo-dear\"], spent_tokens = 10 }\n\
         [routes.default]\npolicies = [\"director\"]\n\
         candidates = [\"house/echo-dear\", \"house/echo\"]\n";
    on_two_workers(async {
        for (grants, second) in [("\"kv\"", "house/echo"), ("", "house/echo-dear")] {
            let policy = POLICY.replace("\"kv\"", grants);
            let house = House::open(&[provider("house", ""), policy].concat()).await?;
            let deployment = house.running.gateway.deployment();
            let director = deployment.policy("director").context("there is none")?;
            let turns = [("c1", "house/echo-dear"), ("c1", second), ("c2", "house/echo-dear")];
            for (turn, (conversation, expected)) in turns.into_iter().enumerate() {
                let mut body = chat("auto", false);
                body["metadata"] = json!({ "task": "coding", "conversation": conversation });
                let reply = house.caller(Http::One).await?.chat(&body).await?;
                ensure!(reply.header("x-portcullis-candidate") == expected, "{turn}: {reply:?}");
                let told = until(|| director.observer.observed() == turn as u64 + 1).await;
                told.context("it was not told")?;
            }
        }
        Ok(())
    })
}
