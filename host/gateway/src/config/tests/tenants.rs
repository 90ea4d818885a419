//! Whose requests are served, and what is left of everybody's scope for them.

use std::time::{Duration, SystemTime};

use super::{good_behind, refused_behind};
use crate::config::{Config, Naming, Scope};
use crate::request::Operation;

const HOUSE: &str = "\
providers.house = { plugin = \"chat\", base_url = \"http://127.0.0.1:9/v1\", models = [\"m1\", \"m2\"] }
routes.usual = { candidates = [\"house/m1\"] }
";

/// The digest of a key of that one letter.
fn digest(letter: &str) -> String {
    format!("sha256:{}", letter.repeat(64))
}

#[track_caller]
fn good(text: &str) -> Config {
    good_behind(HOUSE, text)
}

/// The problems of a text behind the house, from line 3 on.
#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    refused_behind(HOUSE, text, expected);
}

#[test]
fn a_tenant_is_within_its_parent_and_a_key_within_its_tenant() {
    let (a, b) = (digest("a"), digest("b"));
    let config = good(&format!(
        "[clients]\nlabels = [\"task\", \"team\"]\n\
         [tenants.acme]\nmodels = [\"house/*\"]\nmay_name = [\"candidates\", \"routes\"]\n\
         keys = [{{ id = \"all\", digest = \"{a}\" }}]\n\
         [tenants.lab]\nparent = \"acme\"\nprivate = true\nlabels = [\"team\", \"other\"]\n\
         keys = [{{ id = \"ci\", digest = \"{b}\", expires = \"1970-01-01T00:01:40Z\",\n\
         models = [\"house/m1\"], routes = [\"usual\", \"default\"], operations = [\"chat\"],\n\
         may_name = [\"routes\"] }}]\n"
    ));
    let [acme, lab] = config.tenants.as_slice() else { panic!("{:?}", config.tenants) };
    let models = vec![vec!["house/*".to_owned()]];
    let names = vec![Naming::Candidates, Naming::Routes];
    let labels = Some(vec!["task".to_owned(), "team".to_owned()]);
    let uploads = false;
    let expected = Scope { may_name: names.clone(), models, labels, uploads, ..Scope::default() };
    assert_eq!((&acme.scope, &acme.keys[0].scope), (&expected, &expected));
    let labels = Some(vec!["team".to_owned()]);
    let of_lab = Scope { private: true, labels: labels.clone(), ..expected };
    assert_eq!((&lab.scope, lab.parent.as_deref()), (&of_lab, Some("acme")));
    let key = Scope {
        may_name: vec![Naming::Routes],
        routes: Some(vec!["usual".to_owned(), "default".to_owned()]),
        models: vec![vec!["house/*".to_owned()], vec!["house/m1".to_owned()]],
        operations: Some(vec![Operation::Chat]),
        ..of_lab
    };
    assert_eq!((&lab.keys[0].scope, &*lab.keys[0].id), (&key, "ci"));
    let expires = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
    assert_eq!((lab.keys[0].expires, acme.keys[0].expires), (Some(expires), None));
    let shown = config.describe();
    assert!(shown.contains("TENANT") && !shown.contains(&"a".repeat(8)), "{shown}");
}

#[test]
fn who_may_upload_is_said_of_each_tenant_and_key() {
    let key = |id: &str, letter: &str, further: &str| {
        format!("{{ id = \"{id}\", digest = \"{}\"{further} }}", digest(letter))
    };
    let may = ", uploads = true";
    let keys = |one: &str, other: &str| {
        let keys = [key("dev", one, may), key("app", other, "")].join(", ");
        format!("keys = [{keys}]\n")
    };
    let tenants = |ledger: &str, acme: &str| {
        let (acme_keys, lab_keys) = (keys("a", "b"), keys("c", "d"));
        format!(
            "{ledger}[tenants.acme]\n{acme}{acme_keys}\
             [tenants.lab]\nparent = \"acme\"\nuploads = true\n{lab_keys}"
        )
    };
    let ledger = "[ledger]\nurl = \"sqlite:kept.db\"\n";
    let config = good(&tenants(ledger, "uploads = true\n"));
    let may = |index: usize| {
        let tenant = &config.tenants[index];
        let keys: Vec<bool> = tenant.keys.iter().map(|key| key.scope.uploads).collect();
        (tenant.scope.uploads, keys)
    };
    assert_eq!([may(0), may(1)], [(true, vec![true, false]), (true, vec![true, false])]);
    refused(
        &tenants(ledger, ""),
        &[
            "6:107: [tenants.acme.keys] `uploads`: it is within one that may not, and may no more than that",
            "9:1: [tenants.lab] `uploads`: it is within one that may not, and may no more than that",
            "10:107: [tenants.lab.keys] `uploads`: it is within one that may not, and may no more than that",
        ],
    );
    let nowhere = "`uploads`: there is nowhere to keep what is uploaded; expected a [ledger] with such as url = \"sqlite:portcullis.db\"";
    refused(
        &tenants("", "uploads = true\n"),
        &[&format!("4:1: [tenants.acme] {nowhere}"), &format!("8:1: [tenants.lab] {nowhere}")],
    );
}

#[test]
fn with_keys_the_network_may_be_served() {
    let key = format!("keys = [{{ id = \"ci\", digest = \"{}\" }}]", digest("a"));
    let config = good(&format!("server.listen = \"0.0.0.0:8080\"\n[tenants.acme]\n{key}\n"));
    assert!(!config.server.listen.ip().is_loopback());
    assert!(config.check_listening().is_ok());
    let open = Config { tenants: Vec::new(), ..config };
    let why = open.check_listening().expect_err("nobody would need a key").to_string();
    assert!(why.contains("0.0.0.0:8080") && why.contains("[tenants]"), "{why}");
}

#[test]
fn with_a_ledger_a_tenant_needs_no_key_in_the_file() {
    let ledger = "[ledger]\nurl = \"sqlite:kept.db\"\n";
    let config = good(&format!("[tenants.acme]\nprivate = true\n{ledger}"));
    assert!(config.tenants[0].keys.is_empty() && config.check_keys().is_ok());
    // A process that began without one has none, whatever its file says by now.
    let without = Config { ledger: crate::config::Ledger::default(), ..config };
    let why = without.check_keys().expect_err("nobody could ask").to_string();
    assert!(why.contains("start it anew to give it [ledger]"), "{why}");
}

#[test]
fn what_cannot_be_meant() {
    let key = |id: &str, letter: &str, further: &str| {
        format!("{{ id = \"{id}\", digest = \"{}\"{further} }}", digest(letter))
    };
    let nobody = "no tenant has a key, so that nobody could ask for anything; expected such as \
                  [tenants.NAME] keys = [{ id = \"ci\", digest = \"sha256:…\" }], or a \
                  [ledger], in which keys can be made";
    refused("[tenants.acme]\n", &[&format!("3:10: {nobody}")]);
    refused(
        "[tenants.acme]\nkeys = [{ digest = \"sha256:12\", expires = \"soon\" }, 7, {}]\n",
        &[
            "4:9: [tenants.acme.keys[0]] has no `id`; expected a key such as { id = \"ci\", digest = \"sha256:…\" }",
            "4:20: [tenants.acme.keys[0]] `digest` = \"sha256:12\" is not a digest; expected \"sha256:\" and 64 hexadecimal digits",
            "4:43: [tenants.acme.keys[0]] `expires` = \"soon\" is not a time; expected a time such as \"2027-01-31T00:00:00Z\"",
            "4:53: [tenants.acme] `keys`[1] is a number; expected a table such as { id = \"ci\", digest = \"sha256:…\" }",
            "4:56: [tenants.acme.keys[2]] has no `digest`; expected a key such as { id = \"ci\", digest = \"sha256:…\" }",
            "4:56: [tenants.acme.keys[2]] has no `id`; expected a key such as { id = \"ci\", digest = \"sha256:…\" }",
        ],
    );
    let twice = [key("ci", "a", ""), key("ci", "b", ""), key("other", "a", "")].join(", ");
    refused(
        &format!("[tenants.acme]\nkeys = [{twice}]\n"),
        &[
            "4:115: [tenants.acme] has two keys of the id `ci`",
            "4:232: [tenants.acme] `other` has the digest of another key",
        ],
    );
    refused(
        &format!(
            "[tenants.lab]\nparent = \"acme\"\n[tenants.acme]\nkeys = [{}]\nroutes = [\"usuel\"]\n\
             models = [\"hause/*\", \"house/m9\"]\nmay_name = [\"routes\"]\n\
             operations = [\"sing\"]\n[tenants.sub]\nparent = \"acme\"\nmay_name = [\"models\"]\n",
            key("ci", "a", "")
        ),
        &[
            "4:10: [tenants.lab] `parent`: no tenant `acme` stands before it",
            "7:11: [tenants.acme] `routes`: there is no route `usuel`; did you mean `usual`?",
            "8:11: [tenants.acme] `models`: `hause/*` matches no model; expected such as \"provider/model\" or \"provider/*\"",
            "8:22: [tenants.acme] `models`: `house/m9` matches no model; expected such as \"provider/model\" or \"provider/*\"",
            "10:15: [tenants.acme] `operations`[0] = \"sing\" is not known; expected \"chat\", \"embeddings\", \"count-tokens\" or \"transcription\"",
            "13:12: [tenants.sub] `may_name` leaves no name to ask by; around it may be named: routes",
        ],
    );
}
