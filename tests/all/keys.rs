//! Tenants and keys that operators make while the gateway runs: who is served by them, what they
//! may ask for, and how soon every gateway on the same ledger knows.

use crate::caller::{Caller, Http, JSON, PATIENCE, Reply};
use crate::house::{House, chat, provider};
use anyhow::{Context, Result, ensure};
use http::Method;
use portcullis_sandbox::Digest;
use portcullis_test_postgres::Postgres;
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const CHAT: &str = "/v1/chat/completions";

fn text(ledger: &str, tenants: &str) -> String {
    let ledger = format!("[ledger]\nurl = \"{ledger}\"\njournal = \"used\"\n");
    let route = "[routes.usual]\npolicies = []\ncandidates = [\"house/echo\", \"house/echo-b\"]\n";
    let models = "models = [\"echo\", \"echo-b\"]";
    [&ledger, &provider("house", models), route, tenants].concat()
}

fn file_of(files: &TempDir) -> String {
    format!("sqlite:{}", files.path().join("kept.db").display())
}

/// With a ledger in a file, and with one on a server.
fn on_both(test: impl AsyncFn(&str) -> Result<()>) -> Result<()> {
    let files = TempDir::new()?;
    on_two_workers(test(&file_of(&files))).context("in a file")?;
    let server = Postgres::start()?;
    let url = server.database()?;
    on_two_workers(test(&url)).context("on a server")
}

async fn act(house: &House, path: &str, said: &Value) -> Result<Reply> {
    Caller::to(house.running.admin, Http::One).await?.post(&format!("/api/v1/{path}"), said).await
}

async fn done(house: &House, path: &str, said: &Value) -> Result<Value> {
    let reply = act(house, path, said).await?;
    ensure!(reply.status == 200, "{path} {said}: {reply:?}");
    reply.json()
}

async fn shown(house: &House, path: &str) -> Result<Value> {
    let reply = house.admin(&format!("/api/v1/{path}")).await?;
    ensure!(reply.status == 200, "{path}: {reply:?}");
    reply.json()
}

/// A key's id and its secret.
fn id_and_secret(made: &Value) -> Result<(String, String)> {
    let id = made["key"]["id"].as_str().context("it has no id")?;
    Ok((id.to_owned(), made["secret"].as_str().context("it has no secret")?.to_owned()))
}

async fn key(house: &House, tenant: &str, name: &str, scopes: Value) -> Result<(String, String)> {
    let said = json!({ "tenant": tenant, "name": name, "scopes": scopes });
    id_and_secret(&done(house, "keys", &said).await?)
}

async fn ask(house: &House, secret: &str, model: &str) -> Result<Reply> {
    let mut caller = house.caller(Http::One).await?;
    let shown = format!("Bearer {secret}");
    let headers = [JSON, ("authorization", &*shown)];
    let body = chat(model, false).to_string();
    let request = caller.request(Method::POST, CHAT, &headers, body)?;
    caller.ask(request).await
}

async fn served(house: &House, secret: &str, model: &str) -> Result<()> {
    let reply = ask(house, secret, model).await?;
    ensure!(reply.status == 200, "{model}: {reply:?}");
    Ok(())
}

/// That the key is nobody's, and why.
async fn nobody(house: &House, secret: &str, why: &str) -> Result<()> {
    let message = ask(house, secret, "usual").await?.refused(401, "invalid_api_key")?;
    ensure!(message.starts_with(why), "{message}");
    Ok(())
}

#[test]
fn a_key_that_is_made_while_the_gateway_runs_is_served_and_its_secret_shown_once() -> Result<()> {
    on_both(async |ledger| {
        let house = House::open(&text(ledger, "[tenants.acme]\n")).await?;
        // The ledger has not heard of whom the configuration names, until it has to.
        let before = shown(&house, "tenants").await?;
        ensure!(before[0]["id"] == "acme" && before[0]["made_at"].is_null(), "{before}");
        let team = json!({ "id": "lab", "parent": "acme", "name": "The laboratory" });
        let made = done(&house, "tenants", &team).await?;
        ensure!(made["parent"] == "acme" && made["configured"] == false, "{made}");
        let (id, secret) = key(&house, "lab", "ci", json!({})).await?;
        for model in ["usual", "house/echo-b", "echo"] {
            served(&house, &secret, model).await?;
            let record = house.record(model).await?;
            let whose = (&*record.tenant, record.key.as_deref());
            ensure!(whose == ("lab", Some(&*id)), "{record:?}");
        }
        let last = if secret.ends_with('x') { "y" } else { "x" };
        nobody(&house, &[&secret[..secret.len() - 1], last].concat(), "The key is not known")
            .await?;
        let all = shown(&house, "keys").await?;
        ensure!(all[0]["state"] == "active" && all[0]["tenant"] == "lab", "{all}");
        ensure!(shown(&house, "keys?tenant=acme").await? == json!([]));
        let tenants = shown(&house, "tenants").await?;
        ensure!(tenants[0]["configured"] == true && tenants[1]["id"] == "lab", "{tenants}");
        for path in ["keys", "tenants", "audit", "requests"] {
            ensure!(!shown(&house, path).await?.to_string().contains(&secret), "{path}");
        }
        ensure!(!format!("{:?}", house.upstream.requests()).contains(&secret), "it was sent on");
        // It is as good for the next process.
        let again = House::open(&text(ledger, "[tenants.acme]\n")).await?;
        served(&again, &secret, "usual").await
    })
}

#[test]
fn a_revoked_key_is_refused_by_every_gateway_within_a_second() -> Result<()> {
    on_both(async |ledger| {
        let text = text(ledger, "[tenants.acme]\n");
        let (here, there) = (House::open(&text).await?, House::open(&text).await?);
        let (id, secret) = key(&here, "acme", "ci", json!({})).await?;
        let known = async {
            while ask(&there, &secret, "usual").await?.status != 200 {}
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, known).await.context("it is never known there")??;
        let revoked = done(&here, &format!("keys/{id}/revoke"), &json!({})).await?;
        let began = Instant::now();
        ensure!(revoked["state"] == "revoked", "{revoked}");
        nobody(&here, &secret, "The key was revoked.").await?;
        let refused = async {
            while ask(&there, &secret, "usual").await?.status != 401 {}
            anyhow::Ok(began.elapsed())
        };
        let took = tokio::time::timeout(PATIENCE, refused).await.context("it works on")??;
        println!("a revoked key was refused after {took:?}");
        ensure!(took < Duration::from_secs(1), "{took:?}");
        nobody(&there, &secret, "The key was revoked.").await
    })
}

#[test]
fn a_key_and_its_successor_work_until_the_grace_is_over() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let house = House::open(&text(&file_of(&files), "[tenants.acme]\n")).await?;
        let (old, first) = key(&house, "acme", "ci", json!({ "models": ["house/echo"] })).await?;
        let rotate = format!("keys/{old}/rotate");
        let made = done(&house, &rotate, &json!({ "grace": "1h" })).await?;
        ensure!(made["key"]["scopes"]["models"] == json!(["house/echo"]), "{made}");
        let (new, second) = id_and_secret(&made)?;
        served(&house, &first, "usual").await?;
        served(&house, &second, "usual").await?;
        ensure!(act(&house, &rotate, &json!({})).await?.status == 409);
        let past = json!({ "expires_at": "2020-01-01T00:00:00Z" });
        let over = done(&house, &format!("keys/{old}/expire"), &past).await?;
        ensure!(over["state"] == "replaced" && over["successor"] == new, "{over}");
        nobody(&house, &first, "The key was replaced by another one.").await?;
        // What the new one is not told it does not have: the end of the old one, above all.
        let ends = json!({ "expires_at": "2099-01-31T00:00:00Z" });
        done(&house, &format!("keys/{new}/expire"), &ends).await?;
        // Without a time of grace it is over at once.
        let rotate = format!("keys/{new}/rotate");
        let made = done(&house, &rotate, &json!({ "grace": "0s" })).await?;
        ensure!(made["key"]["expires_at"].is_null(), "{made}");
        let (third, secret) = id_and_secret(&made)?;
        nobody(&house, &second, "The key was replaced by another one.").await?;
        served(&house, &secret, "usual").await?;
        let expire = format!("keys/{third}/expire");
        done(&house, &expire, &past).await?;
        nobody(&house, &secret, "The key is over its time.").await?;
        done(&house, &expire, &json!({ "expires_at": null })).await?;
        served(&house, &secret, "usual").await
    })
}

#[test]
fn who_is_suspended_is_so_with_all_who_are_within_and_every_key() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let digest = |secret: &str| Digest::of(secret.as_bytes());
        let tenants = format!(
            "[tenants.acme]\nkeys = [{{ id = \"file\", digest = \"{}\" }}]\n\
             [tenants.lab]\nparent = \"acme\"\nkeys = [{{ id = \"file\", digest = \"{}\" }}]\n\
             [tenants.other]\nkeys = [{{ id = \"file\", digest = \"{}\" }}]\n",
            digest("pk-acme"),
            digest("pk-lab"),
            digest("pk-other"),
        );
        let house = House::open(&text(&file_of(&files), &tenants)).await?;
        let (_, of_acme) = key(&house, "acme", "k", json!({})).await?;
        done(&house, "tenants", &json!({ "id": "team", "parent": "lab" })).await?;
        let (_, of_team) = key(&house, "team", "k", json!({})).await?;
        let (_, of_other) = key(&house, "other", "k", json!({})).await?;
        let all = ["pk-acme", "pk-lab", &of_acme, &of_team];
        for secret in all {
            served(&house, secret, "usual").await?;
        }
        let suspended = done(&house, "tenants/acme/suspend", &json!({})).await?;
        ensure!(suspended["suspended_at"].is_string(), "{suspended}");
        for secret in all {
            nobody(&house, secret, "The key is of a tenant that is suspended.").await?;
        }
        for secret in ["pk-other", &of_other] {
            served(&house, secret, "usual").await?;
        }
        done(&house, "tenants/acme/resume", &json!({})).await?;
        for secret in all {
            served(&house, secret, "usual").await?;
        }
        // Also one that the ledger had not heard of.
        done(&house, "tenants/lab/suspend", &json!({})).await?;
        nobody(&house, "pk-lab", "The key is of a tenant that is suspended.").await?;
        nobody(&house, &of_team, "The key is of a tenant that is suspended.").await?;
        served(&house, "pk-acme", "usual").await
    })
}

#[test]
fn a_key_of_the_ledger_stays_within_its_tenant_of_the_configuration() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let tenants = |model: &str| {
            format!("[clients]\nlabels = []\n[tenants.acme]\nmodels = [\"house/{model}\"]\n")
        };
        let ledger = file_of(&files);
        let house = House::open(&text(&ledger, &tenants("echo-b"))).await?;
        done(&house, "tenants", &json!({ "id": "lab", "parent": "acme" })).await?;
        done(&house, "tenants", &json!({ "id": "team", "parent": "lab" })).await?;
        done(&house, "tenants", &json!({ "id": "guest" })).await?;
        // All of its nearest tenant's, and no more than that.
        let (_, all) = key(&house, "team", "all", json!({})).await?;
        let (_, more) = key(&house, "team", "more", json!({ "models": ["house/*"] })).await?;
        for secret in [&all, &more] {
            served(&house, secret, "house/echo-b").await?;
            ask(&house, secret, "house/echo").await?.refused(403, "forbidden")?;
        }
        // Nobody around it is configured: what everybody may.
        let (_, guest) = key(&house, "guest", "k", json!({})).await?;
        served(&house, &guest, "house/echo").await?;
        for (name, scopes) in [
            ("vectors", json!({ "operations": ["embeddings"] })),
            ("mute", json!({ "may_name": [] })),
            ("other", json!({ "models": ["house/echo-b"] })),
        ] {
            let (_, secret) = key(&house, "guest", name, scopes).await?;
            ask(&house, &secret, "house/echo").await?.refused(403, "forbidden")?;
        }
        let (_, home) = key(&house, "guest", "home", json!({ "private": true })).await?;
        ask(&house, &home, "usual").await?.refused(400, "no_candidate")?;
        // What its tenant may is read anew, and with it what the key may.
        house.rewrite(&text(&ledger, &tenants("echo")))?;
        ensure!(house.reload().await?.changed == ["tenants.acme"]);
        served(&house, &all, "house/echo").await?;
        ask(&house, &all, "house/echo-b").await?.refused(403, "forbidden")?;
        Ok(())
    })
}

#[test]
fn what_operators_do_over_the_api_is_audited() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let house = House::open(&text(&file_of(&files), "[tenants.acme]\n")).await?;
        let (id, _) = key(&house, "acme", "ci", json!({})).await?;
        // What was not done is not told.
        ensure!(act(&house, "tenants", &json!({ "id": "acme" })).await?.status == 409);
        done(&house, &format!("keys/{id}/revoke"), &json!({})).await?;
        let acts = shown(&house, "audit").await?;
        let told = |act: &Value| {
            let word = |name: &str| act[name].as_str().unwrap_or_default().to_owned();
            [word("actor"), word("action"), word("subject")]
        };
        let told: Vec<_> = acts.as_array().into_iter().flatten().map(told).collect();
        let expected = [["revoke-key", &*id], ["make-key", &*id], ["make-tenant", "acme"]];
        ensure!(
            told == expected.map(|[action, of]| ["admin", action, of].map(str::to_owned)),
            "{acts}"
        );
        ensure!(acts[1]["detail"]["name"] == "ci", "{acts}");
        let newest = acts[0]["act"].to_string();
        let older = shown(&house, &format!("audit?after={newest}&limit=1")).await?;
        ensure!(older == json!([acts[1]]), "{older}");
        Ok(())
    })
}

/// All of a list, so many at a time, by the way that its answers name.
async fn paged(house: &House, list: &str, limit: usize) -> Result<Vec<Value>> {
    let mut path = format!("/api/v1/{list}limit={limit}");
    let mut all = Vec::new();
    loop {
        let reply = house.admin(&path).await?;
        let link = reply.header("link").to_owned();
        let page: Vec<Value> = serde_json::from_value(reply.json()?)?;
        // Only where there is a page more is it named, and then this one is full.
        let fits = if link.is_empty() { 1..=limit } else { limit..=limit };
        ensure!(fits.contains(&page.len()), "{path}: {page:?}");
        all.extend(page);
        let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
        match next {
            Some(next) => path = next.to_owned(),
            None => return Ok(all),
        }
    }
}

#[test]
fn lists_are_read_a_page_at_a_time_and_nothing_twice_or_never() -> Result<()> {
    on_both(async |ledger| {
        let tenants = "[tenants.c]\n[tenants.a]\n[tenants.e]\n[tenants.B]\n";
        let house = House::open(&text(ledger, tenants)).await?;
        // Some that the configuration has alone, some that the ledger has alone, some of both.
        for said in [json!({ "id": "d" }), json!({ "id": "b", "parent": "e" })] {
            done(&house, "tenants", &said).await?;
        }
        for (tenant, name) in [("a", "1"), ("b", "1"), ("a", "2"), ("d", "1"), ("a", "3")] {
            key(&house, tenant, name, json!({})).await?;
        }
        for list in ["tenants?", "keys?", "keys?tenant=a&", "audit?"] {
            let all: Vec<Value> = serde_json::from_value(shown(&house, list).await?)?;
            for limit in 1..=all.len() + 1 {
                let pages = paged(&house, list, limit).await?;
                ensure!(pages == all, "{list} {limit}: {pages:?} instead of {all:?}");
            }
        }
        let ids = |list: &Value| {
            let id = |it: &Value| it["id"].as_str().map(str::to_owned);
            list.as_array().into_iter().flatten().filter_map(id).collect::<Vec<_>>().concat()
        };
        ensure!(ids(&shown(&house, "tenants").await?) == "Babcde");
        ensure!(ids(&shown(&house, "tenants?after=a&limit=2").await?) == "bc");
        ensure!(ids(&shown(&house, "tenants?after=aa&limit=1").await?) == "b");
        Ok(())
    })
}

#[test]
fn what_cannot_be_done_to_tenants_and_keys_is_said() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let tenants = "[tenants.acme]\n[tenants.lab]\nparent = \"acme\"\n";
        let house = House::open(&text(&file_of(&files), tenants)).await?;
        let (id, _) = key(&house, "acme", "ci", json!({})).await?;
        let of = |verb: &str| format!("keys/{id}/{verb}");
        let with = |scopes: Value| json!({ "tenant": "acme", "name": "k", "scopes": scopes });
        let ends = |at: &str| json!({ "tenant": "acme", "name": "k", "expires_at": at });
        for (path, said, status, why) in [
            (
                "keys",
                json!({ "tenant": "nobody", "name": "k" }),
                404,
                "there is no tenant \"nobody\"",
            ),
            (
                "keys",
                json!({ "tenant": "acme", "name": "ci" }),
                409,
                "there is a key \"ci\" already",
            ),
            ("keys", json!({ "tenant": "acme", "name": " " }), 400, "is no name"),
            ("keys", json!({ "tenant": "acme" }), 400, "missing field `name`"),
            ("keys", json!([]), 400, "invalid"),
            ("keys", with(json!({ "regions": [] })), 400, "unknown field `regions`"),
            ("keys", with(json!({ "routes": ["usuel"] })), 400, "`routes`: \"usuel\" is no route"),
            (
                "keys",
                with(json!({ "models": ["hause/*"] })),
                400,
                "`models`: \"hause/*\" matches no",
            ),
            (
                "keys",
                with(json!({ "operations": ["sing"] })),
                400,
                "\"sing\" is not known; expected",
            ),
            ("keys", with(json!({ "may_name": ["it"] })), 400, "\"it\" is no kind of name"),
            ("keys", ends("soon"), 400, "\"soon\" is not a time"),
            ("keys", ends("2020-01-01T00:00:00Z"), 400, "is over already"),
            (&of("rotate"), json!({ "grace": "a day" }), 400, "`grace` = \"a day\""),
            (&of("expire"), json!({}), 400, "missing field `expires_at`"),
            (&of("revoke"), json!({ "when": "now" }), 400, "unknown field `when`"),
            ("keys/none/rotate", json!({}), 404, "there is no key \"none\""),
            ("keys/none/revoke", json!({}), 404, "there is no key \"none\""),
            ("tenants", json!({ "id": "acme" }), 409, "there is a tenant \"acme\" already"),
            ("tenants", json!({ "id": "a b" }), 400, "is no name"),
            ("tenants", json!({ "id": "new", "parent": "nobody" }), 404, "\"nobody\""),
            ("tenants", json!({ "id": "lab", "parent": "lab" }), 400, "`lab` is part of acme"),
            ("tenants/nobody/suspend", json!({}), 404, "there is no tenant \"nobody\""),
            ("tenants/nobody/resume", json!({}), 404, "there is no tenant \"nobody\""),
        ] {
            let reply = act(&house, path, &said).await?;
            ensure!(reply.status == status, "{path} {said}: {reply:?}");
            let problems = reply.json()?["problems"].to_string().replace("\\\"", "\"");
            ensure!(problems.contains(why), "{path} {said}: {problems}");
        }
        for (path, status) in [
            ("audit?after=x", 400),
            ("audit?limit=0", 400),
            ("tenants?limit=1001", 400),
            ("tenants?limit=1000", 200),
            ("keys?limit=ten", 400),
            ("keys?after=nobodys", 404),
            ("keys?tenants=a", 400),
            ("keys/x/rotate", 405),
            ("keys/x", 404),
        ] {
            ensure!(house.admin(&format!("/api/v1/{path}")).await?.status == status, "{path}");
        }
        let mut page = Caller::to(house.running.admin, Http::One).await?;
        let headers = [JSON, ("origin", "https://example.org")];
        let said = with(json!({})).to_string();
        let request = page.request(Method::POST, "/api/v1/keys", &headers, said)?;
        ensure!(page.ask(request).await?.status == 403);
        ensure!(shown(&house, "keys").await?.as_array().map(Vec::len) == Some(1));
        Ok(())
    })
}

#[test]
fn without_a_ledger_it_is_said_what_to_configure() -> Result<()> {
    on_two_workers(async {
        let digest = Digest::of(b"pk-acme");
        let tenants =
            format!("[tenants.acme]\nkeys = [{{ id = \"ci\", digest = \"{digest}\" }}]\n");
        let all = text("sqlite:kept.db", &tenants);
        let without = all.replace("[ledger]\nurl = \"sqlite:kept.db\"\njournal = \"used\"\n", "");
        let house = House::open(&without).await?;
        for reply in [
            house.admin("/api/v1/tenants").await?,
            house.admin("/api/v1/audit").await?,
            act(&house, "keys", &json!({ "tenant": "acme", "name": "k" })).await?,
        ] {
            ensure!(reply.status == 409 && reply.text()?.contains("add [ledger]"), "{reply:?}");
        }
        // A ledger is for the next start, so that until then a key has to be in the file.
        house.rewrite(&text("sqlite:kept.db", "[tenants.acme]\n"))?;
        let why = house.reload().await.err().context("nobody could ask")?.to_string();
        ensure!(why.contains("start it anew to give it [ledger]"), "{why}");
        served(&house, "pk-acme", "usual").await
    })
}

#[test]
fn while_the_ledger_is_away_keys_are_served_and_none_is_made() -> Result<()> {
    let server = Postgres::start()?;
    let url = server.database()?;
    on_two_workers(async {
        let house = House::open(&text(&url, "[tenants.acme]\n")).await?;
        let (_, secret) = key(&house, "acme", "ci", json!({})).await?;
        server.kill()?;
        served(&house, &secret, "usual").await?;
        nobody(&house, "pk-of-nobody", "The key is not known here.").await?;
        let made = act(&house, "keys", &json!({ "tenant": "acme", "name": "k" })).await?;
        ensure!(made.status == 503, "{made:?}");
        server.restart()?;
        let made = async {
            let said = json!({ "tenant": "acme", "name": "k" });
            while act(&house, "keys", &said).await?.status != 200 {}
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, made).await.context("it does not come back")??;
        served(&house, &secret, "usual").await
    })
}
