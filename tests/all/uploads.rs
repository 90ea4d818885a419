//! What tenants put in the places of their own plugins: who may, what is refused, and how long it
//! is there.

use crate::caller::{Caller, Http, PATIENCE, Reply};
use crate::house::{House, chat, provider};
use anyhow::{Context, Result, ensure};
use http::Method;
use portcullis::bundle;
use portcullis::config::PluginSource;
use portcullis_sandbox::Digest;
use portcullis_test_postgres::Postgres;
use portcullis_tests::guest::Guest;
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};
use tempfile::TempDir;

const WAY: &str = "/v1/plugins/policies/way";
const BOUNDARY: &str = "what-no-file-holds";
/// Decides otherwise than `ordered`.
const PRIORITY: &str = "priority";
/// Whose policy is `way`, by a key for uploads and by one for anything else.
const DEV: &str = "pk-acme-dev";
const APP: &str = "pk-acme-app";

/// A tenant's key of that secret.
fn key(secret: &str, further: &str) -> String {
    let digest = Digest::of(secret.as_bytes());
    format!("{{ id = \"{}\", digest = \"{digest}\"{further} }}", &secret[3..])
}

/// Tenants of whom acme has a policy and a provider of its own, and `lab` is part of it.
fn text(ledger: &str, uploads: bool) -> String {
    let ledger = format!("[ledger]\nurl = \"{ledger}\"\njournal = \"used\"\n");
    let uploads = if uploads { "uploads = true\n" } else { "" };
    let may = if uploads.is_empty() { "" } else { ", uploads = true" };
    let acme = format!("[tenants.acme]\n{uploads}keys = [{}, {}]\n", key(DEV, may), key(APP, ""));
    let lab =
        format!("[tenants.lab]\nparent = \"acme\"\n{uploads}keys = [{}]\n", key("pk-lab", may));
    let other = format!("[tenants.other]\n{uploads}keys = [{}]\n", key("pk-other", may));
    let policies = "[policies.way]\ntenant = \"acme\"\nplugin = \"ordered\"\n\
                    [policies.usual]\nplugin = \"ordered\"\n";
    let route = "[routes.ours]\ntenant = \"acme\"\npolicies = [\"way\"]\n\
                 candidates = [\"house/echo\", \"spare/echo\"]\n";
    let house = provider("house", "priority = 20\n");
    let spare = provider("spare", "priority = 10\n");
    let its = provider("its", "tenant = \"acme\"\nmodels = [\"echo-its\"]\n");
    [&ledger, &house, &spare, &its, policies, route, &acme, &lab, &other].concat()
}

fn file_of(files: &TempDir) -> String {
    format!("sqlite:{}", files.path().join("kept.db").display())
}

/// The component of a policy that comes with the program, and its manifest.
fn bundled(name: &str) -> Result<(Vec<u8>, String)> {
    let package = bundle::fetch(&PluginSource::Bundled(name.to_owned()), None);
    let package = package.map_err(anyhow::Error::msg)?;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/policies");
    let manifest = std::fs::read_to_string(format!("{folder}/{name}/plugin.toml"))?;
    Ok((package.component.to_vec(), manifest))
}

fn of_guest(guest: &Guest) -> Result<(Vec<u8>, String)> {
    Ok((std::fs::read(guest.component())?, guest.manifest()))
}

/// A form of these texts, and of a component where there is one.
fn form(texts: &[(&str, &str)], component: Option<&[u8]>) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, text) in texts {
        let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"");
        body.extend_from_slice(format!("{head}\r\n\r\n{text}\r\n").as_bytes());
    }
    if let Some(component) = component {
        let head = "content-disposition: form-data; name=\"component\"; filename=\"a.wasm\"";
        body.extend_from_slice(format!("--{BOUNDARY}\r\n{head}\r\n\r\n").as_bytes());
        body.extend_from_slice(component);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

async fn send(
    house: &House,
    key: &str,
    method: Method,
    path: &str,
    form: Vec<u8>,
) -> Result<Reply> {
    let shown = format!("Bearer {key}");
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("authorization", &*shown), ("content-type", &*kind)];
    let mut caller = house.caller(Http::One).await?;
    let request = caller.request(method, path, &headers, form)?;
    caller.ask(request).await
}

async fn put(house: &House, key: &str, path: &str, package: &(Vec<u8>, String)) -> Result<Reply> {
    let body = form(&[("manifest", &package.1)], Some(&package.0));
    send(house, key, Method::PUT, path, body).await
}

/// Puts it in place.
async fn upload(house: &House, package: &(Vec<u8>, String)) -> Result<Value> {
    let reply = put(house, DEV, WAY, package).await?;
    ensure!(reply.status == 200, "{reply:?}");
    reply.json()
}

/// Who answers acme on its route.
async fn goes_to(house: &House) -> Result<String> {
    let mut caller = house.caller(Http::One).await?;
    let headers = [crate::caller::JSON, ("x-api-key", APP)];
    let body = chat("ours", false).to_string();
    let request = caller.request(Method::POST, "/v1/chat/completions", &headers, body)?;
    let reply = caller.ask(request).await?;
    ensure!(reply.status == 200, "{reply:?}");
    Ok(reply.header("x-portcullis-candidate").to_owned())
}

/// Waits until it is this one.
async fn comes_to(house: &House, expected: &str) -> Result<()> {
    let coming = async {
        while goes_to(house).await? != expected {}
        anyhow::Ok(())
    };
    let came = tokio::time::timeout(PATIENCE, coming).await;
    came.with_context(|| format!("it never goes to {expected}"))?
}

async fn shown(house: &House, key: &str) -> Result<Value> {
    let mut caller = house.caller(Http::One).await?;
    let reply = caller.get_with("/v1/plugins", &[("x-api-key", key)]).await?;
    ensure!(reply.status == 200, "{reply:?}");
    Ok(reply.json()?["plugins"].clone())
}

/// The generation of `way` that serves.
async fn generation(house: &House) -> Result<Value> {
    Ok(shown(house, APP).await?[0]["generation"].clone())
}

/// The newest acts: what, to what, by whom, and why not.
async fn acts(house: &House, most: u32) -> Result<Vec<[String; 4]>> {
    let acts = house.admin(&format!("/api/v1/audit?limit={most}")).await?.json()?;
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let act = |it: &Value| {
        let [what, to, who] = ["action", "subject", "actor"].map(|field| text(&it[field]));
        [what, to, who, text(&it["detail"]["refused"])]
    };
    Ok(acts.as_array().context("no list")?.iter().map(act).collect())
}

#[test]
fn what_a_tenant_uploads_serves_it_at_every_gateway_until_it_is_taken_away() -> Result<()> {
    let everywhere = async |ledger: &str| {
        let text = text(ledger, true);
        let (here, there) = (House::open(&text).await?, House::open(&text).await?);
        ensure!(goes_to(&here).await? == "house/echo" && goes_to(&there).await? == "house/echo");
        let done = upload(&here, &bundled(PRIORITY)?).await?;
        ensure!(done["name"] == "policies.way" && done["from"]["plugin"] == "ordered", "{done}");
        ensure!(done["to"]["plugin"] == PRIORITY && done["to"]["generation"] == 2, "{done}");
        ensure!(done["shadow_run"] == json!({ "requests": 1, "changed": 1 }), "{done}");
        ensure!(goes_to(&here).await? == "spare/echo");
        comes_to(&there, "spare/echo").await?;
        // It is there when a process is started, and when the configuration is read again.
        let again = House::open(&text).await?;
        ensure!(goes_to(&again).await? == "spare/echo");
        again.rewrite(&text.replace("[policies.way]\n", "[policies.way]\nremember = false\n"))?;
        again.reload().await?;
        ensure!(goes_to(&again).await? == "spare/echo");
        let plugins = shown(&here, APP).await?;
        let names = [0, 1, 2].map(|index| plugins[index]["name"].clone());
        ensure!(names == [json!("policies.way"), json!("providers.its"), Value::Null], "{plugins}");
        ensure!(plugins[0]["generation"] == 2, "{plugins}");
        ensure!(shown(&here, "pk-lab").await? == json!([]), "it has some of its own");
        let removed = send(&there, DEV, Method::DELETE, WAY, Vec::new()).await?;
        ensure!(removed.status == 200, "{removed:?}");
        ensure!(goes_to(&there).await? == "house/echo");
        comes_to(&here, "house/echo").await?;
        comes_to(&again, "house/echo").await?;
        let none = send(&there, DEV, Method::DELETE, WAY, Vec::new()).await?;
        let message = none.refused(404, "plugin_not_found")?;
        ensure!(message == "Nothing is uploaded in place of policies.way.", "{message}");
        let act =
            |what: &str, why: &str| [what, "policies.way", "acme/acme-dev", why].map(str::to_owned);
        let noted = acts(&here, 10).await?;
        let refused = act("remove-plugin", &message);
        let noted: Vec<_> = noted.into_iter().filter(|it| it[0].ends_with("-plugin")).collect();
        ensure!(
            noted == [refused, act("remove-plugin", ""), act("upload-plugin", "")],
            "{noted:?}"
        );
        here.settled().await
    };
    let files = TempDir::new()?;
    on_two_workers(everywhere(&file_of(&files))).context("in a file")?;
    let server = Postgres::start()?;
    let url = server.database()?;
    on_two_workers(everywhere(&url)).context("on a server")
}

#[test]
fn a_tenant_uploads_to_its_own_and_only_with_a_key_for_it() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let house = House::open(&text(&file_of(&files), true)).await?;
        let priority = bundled(PRIORITY)?;
        for (key, name, status, code, why) in [
            (APP, "way", 403, "forbidden", "This key is not for uploads"),
            // What is of the one that it is part of is not its own.
            ("pk-lab", "way", 404, "plugin_not_found", "There is no policies.way of your own"),
            ("pk-other", "way", 404, "plugin_not_found", "There is no policies.way of your own"),
            (DEV, "usual", 404, "plugin_not_found", "There is no policies.usual of your own"),
            (DEV, "none", 404, "plugin_not_found", "There is no policies.none of your own"),
            ("pk-nobodys", "way", 401, "invalid_api_key", "not known"),
        ] {
            let path = format!("/v1/plugins/policies/{name}");
            for method in [Method::PUT, Method::DELETE] {
                let body = form(&[("manifest", &priority.1)], Some(&priority.0));
                let message =
                    send(&house, key, method, &path, body).await?.refused(status, code)?;
                ensure!(message.contains(why), "{key}: {message}");
            }
        }
        let posted = send(&house, DEV, Method::POST, WAY, Vec::new()).await?;
        posted.refused(405, "method_not_allowed")?;
        ensure!(goes_to(&house).await? == "house/echo" && generation(&house).await? == 1);
        ensure!(shown(&house, "pk-other").await? == json!([]));
        // Who was known and refused is in the audit log.
        let noted = acts(&house, 20).await?;
        ensure!(noted.len() == 10, "{noted:?}");
        let first = noted.last().context("none")?;
        ensure!(first[..3] == ["upload-plugin", "policies.way", "acme/acme-app"], "{first:?}");
        ensure!(first[3].contains("not for uploads"), "{first:?}");
        // A key of the ledger may where it says so, within a tenant that may.
        for (may, status) in [(false, 403), (true, 200)] {
            let said = json!({ "tenant": "acme", "name": format!("k{may}"), "scopes": { "uploads": may } });
            let mut admin = Caller::to(house.running.admin, Http::One).await?;
            let made = admin.post("/api/v1/keys", &said).await?.json()?;
            let secret = made["secret"].as_str().context("no secret")?;
            let reply = put(&house, secret, WAY, &priority).await?;
            ensure!(reply.status == status, "{may}: {reply:?}");
        }
        Ok(())
    })
}

#[test]
fn an_upload_that_fails_changes_nothing_and_says_where() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let house = House::open(&text(&file_of(&files), true)).await?;
        ensure!(goes_to(&house).await? == "house/echo");
        let (component, manifest) = bundled(PRIORITY)?;
        let (component, manifest) = (Some(&component[..]), ("manifest", &*manifest));
        let kv = of_guest(&Guest::policy("asks_for_kv").asks(&["kv"]))?;
        let digest = "sha256:00ff0000000000000000000000000000000000000000000000000000000000a1";
        for (texts, component, status, why) in [
            (&[manifest][..], None, 400, "`file` is missing"),
            (&[], component, 400, "`manifest` is missing"),
            (&[("manifest", "name = 1")], component, 400, "`manifest` is no manifest"),
            (&[manifest, manifest], component, 400, "`manifest` is there more than once"),
            (&[manifest, ("canary", "0.1")], component, 400, "`canary` is no field of this form"),
            (&[manifest, ("max_changed", "5%")], component, 400, "expected a share from 0 to 1"),
            (&[manifest, ("digest", "md5:1")], component, 400, "hexadecimal digits"),
            (&[manifest, ("digest", digest)], component, 422, "stage verify: its digest is"),
            (&[manifest], Some(b"\0asm no"), 422, "stage compile: "),
            (&[("manifest", &kv.1)], Some(&kv.0), 422, "stage inspect: "),
            (&[manifest, ("max_changed", "0.5")], component, 422, "would be decided otherwise"),
        ] {
            let reply = send(&house, DEV, Method::PUT, WAY, form(texts, component)).await?;
            ensure!(reply.status == status && reply.text()?.contains(why), "{why}: {reply:?}");
            ensure!(goes_to(&house).await? == "house/echo", "{why}");
        }
        let reply = send(&house, DEV, Method::PUT, WAY, b"no form".to_vec()).await?;
        ensure!(reply.status == 400 && reply.text()?.contains("malformed"), "{reply:?}");
        // A provider is no policy.
        let of_provider =
            put(&house, DEV, "/v1/plugins/providers/its", &bundled(PRIORITY)?).await?;
        ensure!(
            of_provider.status == 422 && of_provider.text()?.contains("stage inspect: it is built")
        );
        let spins = of_guest(&Guest::provider("spins_in_describe"))?;
        let spins = put(&house, DEV, "/v1/plugins/providers/its", &spins).await?;
        ensure!(spins.status == 422 && spins.text()?.contains("stage smoke: "), "{spins:?}");
        // Whoever changes something else comes first.
        let turn = house.running.gateway.changing.lock().await;
        let message =
            put(&house, DEV, WAY, &bundled(PRIORITY)?).await?.refused(503, "overloaded")?;
        ensure!(message == "Something else is being changed at present.", "{message}");
        drop(turn);
        ensure!(generation(&house).await? == 1);
        house.settled().await
    })
}

#[test]
fn an_upload_that_does_harm_is_taken_back_by_itself_also_after_a_restart() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let text = text(&file_of(&files), true);
        let house = House::open(&text).await?;
        upload(&house, &of_guest(&Guest::policy("panics_in_decide"))?).await?;
        ensure!(generation(&house).await? == 2);
        let again = House::open(&text).await?;
        ensure!(generation(&again).await? == 2);
        for house in [&house, &again] {
            for _ in 0..4 {
                // The route's own order, where its policy fails.
                ensure!(goes_to(house).await? == "house/echo");
            }
            ensure!(generation(house).await? == 1);
            // What is looked at again does not bring it back.
            let registry = house.running.gateway.registry.as_ref().context("no ledger")?;
            registry.keys.updated().await;
            registry.keys.updated().await;
            drop(house.running.gateway.changing.lock().await);
            ensure!(generation(house).await? == 1);
        }
        // Another one may come in its place.
        upload(&house, &bundled(PRIORITY)?).await?;
        ensure!(goes_to(&house).await? == "spare/echo");
        comes_to(&again, "spare/echo").await
    })
}

#[test]
fn what_a_tenant_may_upload_no_longer_is_out_of_its_place() -> Result<()> {
    on_two_workers(async {
        let files = TempDir::new()?;
        let with = |uploads| text(&file_of(&files), uploads);
        let house = House::open(&with(true)).await?;
        upload(&house, &bundled(PRIORITY)?).await?;
        house.rewrite(&with(false))?;
        house.reload().await?;
        ensure!(goes_to(&house).await? == "house/echo");
        put(&house, DEV, WAY, &bundled(PRIORITY)?).await?.refused(403, "forbidden")?;
        house.rewrite(&with(true))?;
        house.reload().await?;
        ensure!(goes_to(&house).await? == "spare/echo");
        // What is another tenant's now has nothing of what the first one put there.
        let others = with(true).replace("tenant = \"acme\"", "tenant = \"other\"");
        house.rewrite(&others)?;
        house.reload().await?;
        let plugins = shown(&house, "pk-other").await?;
        ensure!(plugins[0]["name"] == "policies.way", "{plugins}");
        let last = plugins[0]["history"].as_array().and_then(|it| it.last().cloned());
        let last = last.context("no history")?;
        ensure!(last["what"] == "configured", "{last}");
        Ok(())
    })
}
