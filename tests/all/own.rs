//! What is a tenant's own: to everybody else it does not exist, and what it brings along does no
//! more than the operator lets that tenant's do.

use crate::caller::{Caller, Http, JSON, Reply};
use crate::house::{House, chat, provider};
use anyhow::{Context, Result, ensure};
use http::Method;
use portcullis_sandbox::Digest;
use portcullis_tests::guest::Guest;
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};
use tempfile::TempDir;

const CHAT: &str = "/v1/chat/completions";
/// Counts the requests that it is asked about in `kv`, and says so in place of deciding.
const COUNTS: Guest = Guest::policy("asks_for_kv").asks(&["kv"]);
/// Asks the route of the label `ask`, and says in place of deciding what it was told.
const ASKS: Guest = Guest::policy("asks_itself").asks(&["ask"]);
/// Takes memory for as long as there is some.
const GROWS: Guest = Guest::provider("grows_memory");

/// A tenant with a key, whose secret is `pk-NAME`, and with further lines.
fn tenant(name: &str, further: &str) -> String {
    let digest = Digest::of(format!("pk-{name}").as_bytes());
    format!("[tenants.{name}]\nkeys = [{{ id = \"{name}\", digest = \"{digest}\" }}]\n{further}\n")
}

/// Three tenants, of which `lab` is part of `acme`.
fn tenants(acme: &str) -> String {
    [tenant("acme", acme), tenant("lab", "parent = \"acme\""), tenant("other", "")].concat()
}

/// A provider of everybody's, and one of acme's own with a route and a policy.
fn parts() -> String {
    let its = "models = [\"echo-both\", \"echo-its\"]";
    [
        &provider("house", "models = [\"echo\", \"echo-both\"]"),
        &provider("its", &format!("tenant = \"acme\"\n{its}")),
        "[policies.its]\ntenant = \"acme\"\nplugin = \"ordered\"\n",
        "[routes.all]\npolicies = []\ncandidates = [\"*\"]\n",
        "[routes.ours]\ntenant = \"acme\"\npolicies = [\"its\"]\n",
        "candidates = [\"its/echo-its\", \"house/echo\"]\n",
        // As a model of everybody's is called.
        "[routes.echo]\ntenant = \"acme\"\npolicies = []\ncandidates = [\"its/echo-its\"]\n",
    ]
    .concat()
}

/// The `plugin` of a guest, whose manifest is written into that folder.
fn plugin(files: &TempDir, guest: &Guest) -> Result<String> {
    let manifest = files.path().join(format!("{}.toml", guest.name));
    std::fs::write(&manifest, guest.manifest())?;
    Ok(format!("plugin = {{ path = {:?}, manifest = {manifest:?} }}\n", guest.component()))
}

async fn ask_with(house: &House, tenant: &str, body: &Value, explain: bool) -> Result<Reply> {
    let mut caller = house.caller(Http::One).await?;
    let shown = format!("Bearer pk-{tenant}");
    let mut headers = vec![JSON, ("authorization", &*shown)];
    headers.extend(explain.then_some(("x-portcullis-explain", "yes")));
    let request = caller.request(Method::POST, CHAT, &headers, body.to_string())?;
    caller.ask(request).await
}

async fn ask(house: &House, tenant: &str, model: &str) -> Result<Reply> {
    ask_with(house, tenant, &chat(model, false), true).await
}

/// What is answered, and who answers it.
async fn answered(house: &House, tenant: &str, model: &str, candidate: &str) -> Result<Reply> {
    let reply = ask(house, tenant, model).await?;
    ensure!(reply.status == 200, "{tenant} asked for {model}: {reply:?}");
    let by = reply.header("x-portcullis-candidate");
    ensure!(by == candidate, "{tenant} asked for {model}, and {by} answered");
    Ok(reply)
}

async fn get(house: &House, tenant: &str, path: &str) -> Result<Reply> {
    let shown = format!("pk-{tenant}");
    let mut caller = house.caller(Http::One).await?;
    caller.get_with(path, &[("x-api-key", &shown)]).await
}

async fn ids(house: &House, tenant: &str) -> Result<Vec<String>> {
    let list = get(house, tenant, "/v1/models").await?.json()?;
    let models = list["data"].as_array().context("it is no list")?;
    Ok(models.iter().filter_map(|model| model["id"].as_str().map(str::to_owned)).collect())
}

/// The candidates of an explanation.
fn chosen_from(reply: &Reply) -> Result<Value> {
    let explained: Value = serde_json::from_str(reply.header("x-portcullis-explanation"))?;
    ensure!(explained["removed"] == json!([]), "{explained}");
    Ok(explained["candidates"].clone())
}

#[test]
fn what_is_a_tenants_own_does_not_exist_for_others() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&(parts() + &tenants(""))).await?;
        let own = ["ours", "its/echo-its", "echo-its", "its/echo-opened", "its/no"];
        for model in own {
            let message = ask(&house, "other", model).await?.refused(404, "model_not_found")?;
            let told = message.strip_prefix(&format!("No model or route is called {model:?}."));
            let told = told.with_context(|| message.clone())?;
            ensure!(!told.contains("its/") && !told.contains("-its"), "{message}");
            ensure!(!told.contains("ours"), "{message}");
            let one = get(&house, "other", &format!("/v1/models/{model}")).await?;
            ensure!(one.refused(404, "model_not_found")? == message, "{one:?}");
        }
        let listed = ids(&house, "other").await?;
        let expected = ["all", "default", "house/echo", "house/echo-both"];
        ensure!(listed[..4] == expected && listed.iter().any(|id| id == "house/tools"));
        ensure!(!listed.iter().any(|id| id.starts_with("its/")), "{listed:?}");
        // Its upstream was not even asked what it offers, and nobody has a record.
        let offered = house.upstream.requests();
        ensure!(offered.len() == 1 && offered[0].path == "/v1/models", "{offered:?}");
        ensure!(house.running.gateway.records.newest().is_empty(), "it has a record");
        // It takes no name from anybody, and is in nothing that is everybody's.
        answered(&house, "other", "echo", "house/echo").await?;
        for model in ["echo-both", "all", "auto"] {
            let reply = ask(&house, "other", model).await?;
            let shown = format!("{reply:?}");
            ensure!(reply.status == 200 && !shown.contains("its/"), "{shown}");
        }
        // Whoever it is of, and is part of that, has it.
        for tenant in ["acme", "lab"] {
            answered(&house, tenant, "ours", "its/echo-its").await?;
            answered(&house, tenant, "echo-its", "its/echo-its").await?;
            answered(&house, tenant, "its/echo-opened", "its/echo-opened").await?;
            answered(&house, tenant, "echo", "its/echo-its").await?;
            let both = answered(&house, tenant, "echo-both", "house/echo-both").await?;
            ensure!(chosen_from(&both)? == json!(["house/echo-both", "its/echo-both"]), "{both:?}");
            for everybodys in ["auto", "all"] {
                let reply = ask(&house, tenant, everybodys).await?;
                let chosen = chosen_from(&reply)?;
                ensure!(chosen == json!(["house/echo", "house/echo-both"]), "{reply:?}");
            }
            let listed = ids(&house, tenant).await?;
            for id in ["ours", "echo", "its/echo-its", "its/tools", "house/tools"] {
                ensure!(listed.iter().any(|listed| listed == id), "{id}: {listed:?}");
            }
            ensure!(get(&house, tenant, "/v1/models/ours").await?.status == 200);
        }
        house.settled().await
    })
}

#[test]
fn a_scope_holds_for_what_is_its_own_as_well() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&(parts() + &tenants("models = [\"house/*\"]"))).await?;
        for tenant in ["acme", "lab"] {
            ask(&house, tenant, "its/echo-its").await?.refused(403, "forbidden")?;
            ask(&house, tenant, "echo").await?.refused(403, "forbidden")?;
            answered(&house, tenant, "ours", "house/echo").await?;
        }
        ask(&house, "other", "its/echo-its").await?.refused(404, "model_not_found")?;
        ensure!(house.calls("echo-its") == 0, "it was asked");
        Ok(())
    })
}

#[test]
fn a_ledgers_tenant_has_what_is_of_the_one_that_it_is_part_of() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let kept = files.path().join("kept.db");
        let ledger = format!("[ledger]\nurl = \"sqlite:{}\"\njournal = \"used\"\n", kept.display());
        let house = House::open(&(ledger + &parts() + &tenants(""))).await?;
        for (id, parent, status) in [("team", "lab", 200), ("guests", "other", 404)] {
            let admin = async |path: &str, said: Value| {
                Caller::to(house.running.admin, Http::One).await?.post(path, &said).await
            };
            let team = json!({ "id": id, "parent": parent, "name": id });
            ensure!(admin("/api/v1/tenants", team).await?.status == 200);
            let made =
                admin("/api/v1/keys", json!({ "tenant": id, "name": "ci", "scopes": {} })).await?;
            let made = made.json()?;
            let shown = format!("Bearer {}", made["secret"].as_str().context("it has none")?);
            for model in ["ours", "its/echo-its"] {
                let mut caller = house.caller(Http::One).await?;
                let (headers, body) = ([JSON, ("authorization", &*shown)], chat(model, false));
                let request = caller.request(Method::POST, CHAT, &headers, body.to_string())?;
                let reply = caller.ask(request).await?;
                ensure!(reply.status == status, "{id} asked for {model}: {reply:?}");
            }
        }
        Ok(())
    })
}

#[test]
fn whose_it_is_changes_with_the_configuration() -> Result<()> {
    on_two_workers(async {
        let mine = |line: &str| {
            let own = provider("its", &format!("{line}models = [\"echo-its\"]"));
            let route = format!("[routes.ours]\n{line}policies = []\ncandidates = [\"its/*\"]\n");
            [provider("house", "models = [\"echo\"]"), own, route, tenants("")].concat()
        };
        let house = House::open(&mine("")).await?;
        answered(&house, "other", "ours", "its/echo-its").await?;
        house.rewrite(&mine("tenant = \"acme\"\n"))?;
        let changed = house.reload().await?.changed;
        let expected = ["providers.its", "models.its/echo-its", "routes.default", "routes.ours"];
        ensure!(expected.iter().all(|name| changed.iter().any(|it| it == name)), "{changed:?}");
        ask(&house, "other", "ours").await?.refused(404, "model_not_found")?;
        answered(&house, "acme", "ours", "its/echo-its").await?;
        // What somebody's own is built into for everybody changes nothing.
        let wrong = mine("tenant = \"acme\"\n").replacen(
            "[routes.ours]\ntenant = \"acme\"",
            "[routes.ours]",
            1,
        );
        house.rewrite(&wrong)?;
        let why = house.reload().await.err().context("it was taken")?.to_string();
        ensure!(why.contains("candidate `its/*` is tenant `acme`'s own"), "{why}");
        ask(&house, "other", "ours").await?.refused(404, "model_not_found")?;
        Ok(())
    })
}

#[test]
fn a_policy_of_its_own_finds_nothing_that_another_kept() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let plugin = plugin(&files, &COUNTS)? + "grants = [\"kv\"]\n";
        let text = [
            provider("house", "models = [\"echo\"]"),
            format!("[policies.one]\n{plugin}[policies.its]\ntenant = \"acme\"\n{plugin}"),
            "[routes.all]\npolicies = [\"one\"]\ncandidates = [\"house/echo\"]\n".to_owned(),
            "[routes.ours]\ntenant = \"acme\"\npolicies = [\"its\"]\ncandidates = [\"house/echo\"]\n"
                .to_owned(),
            tenants("plugin_grants = [\"kv\"]"),
        ]
        .concat();
        let house = House::open(&text).await?;
        for (tenant, model, expected) in [
            ("other", "all", "policy one: undecided: request 1"),
            ("other", "all", "policy one: undecided: request 2"),
            ("acme", "ours", "policy its: undecided: request 1"),
            // Not that of the tenant that it is part of either.
            ("lab", "ours", "policy its: undecided: request 1"),
            ("acme", "all", "policy one: undecided: request 1"),
            ("acme", "ours", "policy its: undecided: request 2"),
            ("other", "all", "policy one: undecided: request 3"),
        ] {
            answered(&house, tenant, model, "house/echo").await?;
            house.settled().await?;
            let record = house.record(model).await?;
            ensure!(&*record.tenant == tenant && record.remarks == [expected], "{record:?}");
        }
        // What the operator did not let its plugins have it cannot be granted.
        house.rewrite(&text.replace("plugin_grants = [\"kv\"]", ""))?;
        let why = house.reload().await.err().context("it was taken")?.to_string();
        ensure!(why.contains("`kv` is not among what plugins of `acme` may be granted"), "{why}");
        Ok(())
    })
}

#[test]
fn a_policy_of_its_own_asks_no_more_than_its_client_could() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let plugin = plugin(&files, &ASKS)?;
        let grants = "[\"ask:small\", \"ask:closed\", \"ask:others\", \"ask:elsewhere\"]";
        let route = |name: &str, further: &str, candidate: &str| {
            format!("[routes.{name}]\n{further}candidates = [{candidate:?}]\n")
        };
        let none = "policies = []\n";
        let text = [
            provider("house", "models = [\"echo\"]"),
            provider("away", "models = [\"echo\"]"),
            format!("[policies.one]\n{plugin}grants = {grants}\n"),
            format!("[policies.its]\ntenant = \"acme\"\n{plugin}grants = {grants}\n"),
            route("all", "policies = [\"one\"]\n", "house/echo"),
            route("ours", "tenant = \"acme\"\npolicies = [\"its\"]\n", "house/echo"),
            route("small", none, "house/echo"),
            route("closed", none, "house/echo"),
            route("elsewhere", none, "away/echo"),
            route("others", &format!("tenant = \"other\"\n{none}"), "house/echo"),
            tenants(&format!(
                "plugin_grants = {grants}\nmodels = [\"house/*\"]\n\
                 routes = [\"all\", \"ours\", \"small\", \"elsewhere\"]"
            )),
        ]
        .concat();
        let house = House::open(&text).await?;
        for (tenant, model, asked, expected) in [
            ("acme", "ours", "small", "it said "),
            ("acme", "ours", "closed", "FailureKind::Permission: \"closed\" is not among"),
            ("acme", "ours", "elsewhere", "FailureKind::Permission: \"elsewhere\" is not among"),
            ("acme", "ours", "others", "FailureKind::NotFound: There is no route"),
            // The operator's may ask for what its client could not, and for nobody else's own.
            ("acme", "all", "closed", "it said "),
            ("acme", "all", "others", "FailureKind::NotFound: There is no route"),
            ("other", "all", "others", "it said "),
        ] {
            let mut body = chat(model, false);
            body["metadata"] = json!({ "ask": asked });
            let reply = ask_with(&house, tenant, &body, false).await?;
            ensure!(reply.status == 200, "{reply:?}");
            house.settled().await?;
            let record = house.record(model).await?;
            let said = record.remarks.first().context("it was told nothing")?;
            let (_, said) = said.split_once("undecided: ").context("it decided")?;
            ensure!(said.starts_with(expected), "{tenant} asked {asked} by {model}: {said}");
        }
        Ok(())
    })
}

#[test]
fn a_plugin_of_its_own_has_what_the_operator_lets_it_have() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let plugin = plugin(&files, &GROWS)?;
        let further = "base_url = \"UPSTREAM/v1\"\nmodels = [\"m\"]\n";
        let text = [
            provider("house", "models = [\"echo\"]"),
            format!("[providers.its]\ntenant = \"acme\"\n{plugin}{further}"),
            "[routes.ours]\ntenant = \"acme\"\npolicies = []\n".to_owned(),
            "candidates = [\"its/m\", \"house/echo\"]\n".to_owned(),
            tenants("limits = { memory = \"4MiB\" }"),
        ]
        .concat();
        let house = House::open(&text).await?;
        answered(&house, "acme", "ours", "house/echo").await?;
        let record = house.record("ours").await?;
        let first = record.tried.first().context("nobody was tried")?;
        ensure!(first.failure.as_deref() == Some("plugin-memory"), "{record:?}");
        let said = first.message.as_deref().unwrap_or_default();
        ensure!(said.contains("more than its 4194304 bytes of memory"), "{said}");
        // More than that it cannot have by its own table.
        let more = format!("{further}limits = {{ memory = \"5MiB\" }}\n");
        house.rewrite(&text.replace(further, &more))?;
        let why = house.reload().await.err().context("it was taken")?.to_string();
        ensure!(why.contains("`memory` is above what plugins of `acme` may have"), "{why}");
        house.settled().await
    })
}

#[test]
fn its_plugins_have_so_many_sandboxes_and_leave_the_rest_to_others() -> Result<()> {
    on_two_workers(async {
        // Who translates has a sandbox for as long as its answer lasts.
        let translated =
            "settings = { passthrough = false }\nmodels = [\"echo-1000ms\", \"echo\"]\n";
        let text = [
            provider("house", translated),
            provider("its", &format!("tenant = \"acme\"\n{translated}")),
            tenants("limits = { sandboxes = 1, deadline_ms = 500 }"),
        ]
        .concat();
        let house = House::open(&text).await?;
        let mut caller = house.caller(Http::One).await?;
        let headers = [JSON, ("authorization", "Bearer pk-acme")];
        let body = chat("its/echo-1000ms", true).to_string();
        let slow = caller.begin(caller.request(Method::POST, CHAT, &headers, body)?).await?;
        ensure!(slow.status() == 200, "{slow:?}");
        let message = ask(&house, "lab", "its/echo").await?.refused(503, "overloaded")?;
        ensure!(message.contains("within 500 ms of the 1 that it may have"), "{message}");
        answered(&house, "acme", "house/echo", "house/echo").await?;
        answered(&house, "other", "house/echo", "house/echo").await?;
        drop((slow, caller));
        house.settled().await?;
        answered(&house, "acme", "its/echo", "its/echo").await?;
        Ok(())
    })
}
