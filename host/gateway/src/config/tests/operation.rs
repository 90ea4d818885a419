//! What an operator bounds and switches on: what is kept of answers, and what clients may decide.

use std::time::Duration;

use super::resolve;
use crate::config::{Cache, Clients, Config, Keeping, Naming};

const HOUSE: &str = "\
providers.house = { plugin = \"chat\", base_url = \"http://127.0.0.1:9/v1\", models = [\"m1\", \"m2\"] }
";

fn good(text: &str) -> Config {
    let text = format!("{HOUSE}{text}");
    resolve(&text).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

/// The problems of a text behind the house, from line 2 on.
#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    let problems = resolve(&format!("{HOUSE}{text}")).expect_err("it is refused").to_string();
    let mut found: Vec<&str> = problems.lines().collect();
    found.pop();
    let expected: Vec<String> =
        expected.iter().map(|problem| format!("portcullis.toml:{problem}")).collect();
    assert_eq!(found, expected, "{text}");
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
    assert_eq!(good("").clients, Clients::default());
    let said =
        good("[clients]\nmay_name = [\"models\", \"routes\"]\nlabels = []\nprivate = true\n");
    let may_name = vec![Naming::Models, Naming::Routes];
    assert_eq!(said.clients, Clients { may_name, labels: Some(Vec::new()), private: true });
    let why = "[clients] `may_name` leaves no name to ask by; expected \"routes\", \"candidates\" \
               or \"models\"";
    refused("[clients]\nmay_name = []\n", &[&format!("2:2: {why}")]);
}
