//! What an operator bounds and switches on: what is kept of answers, what clients may decide, and
//! how upstreams are looked after.

use std::time::Duration;

use super::{good_behind, refused_behind};
use crate::config::{Cache, Config, Health, Keeping, Naming, Scope};

const HOUSE: &str = "\
providers.house = { plugin = \"chat\", base_url = \"http://127.0.0.1:9/v1\", models = [\"m1\", \"m2\"] }
";

#[track_caller]
fn good(text: &str) -> Config {
    good_behind(HOUSE, text)
}

/// The problems of a text behind the house, from line 2 on.
#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    refused_behind(HOUSE, text, expected);
}

#[test]
fn answers_are_kept_where_somebody_says_so() {
    assert_eq!(good("").cache, None);
    let (max_bytes, ttl) = (64 << 20, Duration::from_secs(600));
    assert_eq!(good("[cache]\n").cache, Some(Cache { max_bytes, ttl }));
    let said = good(
        "[cache]\nmax_bytes = \"1MiB\"\nttl = \"5s\"\n\
         [routes.a]\ncandidates = [\"house/m1\"]\n\
         [routes.b]\ncandidates = [\"house/m1\"]\ncache = true\n\
         [routes.c]\ncandidates = [\"house/m1\"]\ncache = false\n\
         [routes.d]\ncandidates = [\"house/m1\"]\ncache = \"1h\"\n",
    );
    let (max_bytes, ttl) = (1 << 20, Duration::from_secs(5));
    assert_eq!(said.cache, Some(Cache { max_bytes, ttl }));
    let keeping: Vec<Keeping> = said.routes.iter().map(|route| route.cache).collect();
    let hour = Keeping::All(Some(Duration::from_secs(3_600)));
    let expected = [Keeping::Sound, Keeping::All(None), Keeping::Nothing, hour, Keeping::Sound];
    assert_eq!(keeping, expected);
}

#[test]
fn a_route_keeps_nothing_where_there_is_no_cache() {
    let route = "[routes.a]\ncandidates = [\"house/m1\"]\ncache = ";
    assert_eq!(good(&format!("{route}false")).routes[0].cache, Keeping::Nothing);
    let why = "[routes.a] `cache` keeps nothing, for there is no table [cache]; add one, such as \
               [cache] max_bytes = \"64MiB\"";
    refused(&format!("{route}true"), &[&format!("4:9: {why}")]);
    refused(&format!("{route}\"1h\""), &[&format!("4:9: {why}")]);
}

#[test]
fn clients_may_decide_what_is_said_and_otherwise_all() {
    assert_eq!(good("").clients, Scope::default());
    let said =
        good("[clients]\nmay_name = [\"models\", \"routes\"]\nlabels = []\nprivate = true\n");
    let may_name = vec![Naming::Models, Naming::Routes];
    assert_eq!(
        said.clients,
        Scope { may_name, labels: Some(Vec::new()), private: true, ..Scope::default() }
    );
    let why = "[clients] `may_name` leaves no name to ask by; expected \"routes\", \"candidates\" \
               or \"models\"";
    refused("[clients]\nmay_name = []\n", &[&format!("2:2: {why}")]);
    // One that is misspelt is not none.
    let why = "[clients] `may_name`[0] = \"route\" is no kind of name; expected \"routes\", \
               \"candidates\" or \"models\"";
    refused("[clients]\nmay_name = [\"route\"]\n", &[&format!("3:13: {why}")]);
}

#[test]
fn an_upstream_is_checked_where_somebody_says_so() {
    assert_eq!(good("").providers[0].health, None);
    let health = |text: &str| {
        let provider = "[providers.x]\nplugin = \"chat\"\nbase_url = \"http://[::1]/v1\"\n";
        good(&format!("{provider}health = {text}")).providers.remove(1).health
    };
    let (every, timeout) = (Duration::from_secs(30), Duration::from_secs(5));
    let path = "/models".to_owned();
    assert_eq!(health("{ path = \"/models\" }"), Some(Health { path, every, timeout }));
    let (every, timeout) = (Duration::from_secs(1), Duration::from_millis(20));
    let path = "/health?deep=1".to_owned();
    let said = "{ path = \"/health?deep=1\", every = \"1s\", timeout = \"20ms\" }";
    assert_eq!(health(said), Some(Health { path, every, timeout }));
}

#[test]
fn a_check_has_a_path_below_the_address_of_its_provider() {
    let provider = "[providers.x]\nplugin = \"chat\"\nbase_url = \"http://[::1]/v1\"\n";
    let wrong = |said: &str, expected: &str| {
        refused(&format!("{provider}health = {said}"), &[expected]);
    };
    wrong(
        "{ every = \"1s\" }",
        "5:1: [providers.x.health] has no `path`; expected one below `base_url`, such as \"/models\"",
    );
    wrong("{ path = 1 }", "5:19: [providers.x.health] `path` is a number; expected a string");
    for (path, why) in [
        ("models", "does not begin with a slash"),
        ("//elsewhere", "begins with two slashes, which would name another host"),
        ("/../admin", "has a segment `..`, which would leave the base address"),
    ] {
        let expected =
            format!("5:19: [providers.x.health] `path` {why}; expected such as \"/models\"");
        wrong(&format!("{{ path = {path:?} }}"), &expected);
    }
    // Who has no address, or none that can be read, hears of that and not of its checks.
    let lost =
        "[providers.x]\nplugin = \"chat\"\nbase_url = \"ftp://x\"\nhealth = { path = \"/m\" }\n";
    let why = "[providers.x] `base_url` has the scheme `ftp`; expected such as \
               \"http://127.0.0.1:8000/v1\"";
    refused(lost, &[&format!("4:12: {why}")]);
    let program = "[providers.x]\nplugin = \"chat\"\nhealth = { path = \"/models\" }\n\
                   [providers.x.commands.chat]\nprogram = \"/bin/true\"\n";
    refused(
        program,
        &["4:1: [providers.x] `health` is asked for at `base_url`, of which there is none; \
           remove it"],
    );
}
