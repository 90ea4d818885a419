//! A tenant's own plugins from a terminal: `policies upload` and `remove`.

#![allow(clippy::expect_used, reason = "what is not there is a failed test")]

use super::{await_address, check, portcullis, serve};
use portcullis::bundle;
use portcullis::config::PluginSource;
use portcullis_sandbox::Digest;
use std::path::Path;

/// A ledger, and a tenant with a policy of its own.
fn house() -> String {
    let key = |secret: &str, further: &str| {
        let digest = Digest::of(secret.as_bytes());
        format!("{{ id = \"{secret}\", digest = \"{digest}\"{further} }}")
    };
    let keys = [key("dev", ", uploads = true"), key("app", "")].join(", ");
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [ledger]\nurl = \"sqlite:kept.db\"\n\
         [providers.one]\nplugin = \"openai\"\nbase_url = \"http://127.0.0.1:9\"\nmodels = [\"m\"]\n\
         [policies.way]\ntenant = \"acme\"\nplugin = \"ordered\"\n\
         [tenants.acme]\nuploads = true\nkeys = [{keys}]\n"
    )
}

/// Writes the component of a policy that comes with the program, with its manifest beside it.
fn unpack(folder: &Path) {
    let source = PluginSource::Bundled("priority".to_owned());
    let package = bundle::fetch(&source, None).expect("it comes with the program");
    std::fs::write(folder.join("way.wasm"), &package.component).expect("a file");
    let manifest = "/../../plugins/policies/priority/plugin.toml";
    let manifest = [env!("CARGO_MANIFEST_DIR"), manifest].concat();
    std::fs::copy(manifest, folder.join("plugin.toml")).expect("a copy");
}

#[test]
fn a_tenant_uploads_and_removes_from_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("portcullis.toml"), house()).unwrap();
    unpack(folder.path());
    let (_serving, mut log, clients) = serve(folder.path(), "clients");
    let admin = await_address(&mut log, "admin");
    let run = |key: &str, arguments: &[&str]| {
        let arguments = [arguments, &["--server", &clients]].concat();
        portcullis(folder.path(), &arguments, &[("PORTCULLIS_KEY", key)])
    };
    let upload = ["policies", "upload", "way", "way.wasm", "--reason", "shorter"];
    let done = run("dev", &upload);
    let told = ["policies.way", "generation 1, ordered", "generation 2, priority", "It is kept"];
    check(&done, 0, &told, &[]);
    let history =
        portcullis(folder.path(), &["policies", "history", "way", "--server", &admin], &[]);
    check(&history, 0, &["generation 2 serves", "published", "shorter"], &[]);
    let audit = portcullis(folder.path(), &["audit", "--server", &admin], &[]);
    check(&audit, 0, &["upload-plugin", "acme/dev", "policies.way"], &[]);
    for (key, arguments, why) in [
        ("app", &upload[..4], "403 Forbidden: This key is not for uploads"),
        ("", &upload[..4], "401 Unauthorized: "),
        ("dev", &["policies", "upload", "way", "none.wasm"], "none.wasm: No such file"),
        ("dev", &["policies", "upload", "no/ne", "way.wasm"], "404 Not Found: "),
        ("dev", &["policies", "upload", "other", "way.wasm"], "There is no policies.other of your"),
        ("dev", &["providers", "upload", "one", "way.wasm"], "There is no providers.one of your"),
        ("dev", &["policies", "upload", "way", "plugin.toml"], "In the stage compile: "),
        ("dev", &[&upload[..4], &["--digest", "sha256:00"]].concat(), "`digest` is \"sha256:00\""),
    ] {
        check(&run(key, arguments), 1, &[], &[why]);
    }
    let none = run("dev", &["policies", "upload", "way", "way.wasm", "--manifest", "none.toml"]);
    check(&none, 1, &[], &["none.toml: No such file"]);
    check(&run("dev", &["policies", "remove", "way"]), 0, &["generation 3 serves"], &[]);
    check(&run("dev", &["policies", "remove", "way"]), 1, &[], &["Nothing is uploaded in place"]);
}
