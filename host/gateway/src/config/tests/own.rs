//! What is a tenant's own: who may build on it, and what its sandboxes may have.

use std::time::Duration;

use portcullis_sandbox::Digest;

use super::{good_behind, refused_behind};
use crate::config::Config;

/// A house of everybody's, and three tenants, of which the second is part of the first.
fn house(acme: &str, lab: &str) -> String {
    let key = |of: &str| {
        format!("keys = [{{ id = \"{of}\", digest = \"{}\" }}]", Digest::of(of.as_bytes()))
    };
    let (a, b, c) = (key("a"), key("b"), key("c"));
    format!(
        "providers.house = {{ plugin = \"chat\", base_url = \"http://127.0.0.1:9/v1\", models = [\"m1\"] }}\n\
         tenants.acme = {{ {a}{acme} }}\n\
         tenants.lab = {{ parent = \"acme\", {b}{lab} }}\n\
         tenants.other = {{ {c} }}\n\
         providers.its = {{ tenant = \"acme\", plugin = \"chat\", base_url = \"http://127.0.0.1:9/v1\", models = [\"m1\", \"m2\"] }}\n\
         policies.its = {{ tenant = \"acme\", plugin = \"rules\" }}\n"
    )
}

#[track_caller]
fn good(text: &str) -> Config {
    good_behind(&house("", ""), text)
}

/// The problems of a text behind the house, from line 7 on.
#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    refused_behind(&house("", ""), text, expected);
}

/// The candidates of a route, by their names.
fn candidates<'a>(config: &'a Config, route: &str) -> Vec<&'a str> {
    let route = config.routes.iter().find(|it| it.name == route).expect("it is there");
    route.candidates.iter().map(|index| config.candidates[*index].id.as_str()).collect()
}

#[test]
fn what_is_a_tenants_own_is_in_no_route_but_its_own() {
    let config = good(
        "[routes.ours]\ntenant = \"acme\"\npolicies = [\"its\", \"priority\"]\ncandidates = [\"*/m1\"]\n\
         [routes.part]\ntenant = \"lab\"\npolicies = [\"its\"]\ncandidates = [\"its/*\"]\n\
         [routes.all]\ncandidates = [\"*\"]\n\
         [routes.theirs]\ntenant = \"other\"\ncandidates = [\"*\"]\n",
    );
    assert_eq!(candidates(&config, "ours"), ["house/m1", "its/m1"]);
    assert_eq!(candidates(&config, "part"), ["its/m1", "its/m2"]);
    // A pattern passes over what is somebody else's, and the route of `auto` is implied.
    for everybodys in ["all", "theirs", "default"] {
        assert_eq!(candidates(&config, everybodys), ["house/m1"], "{everybodys}");
    }
    let owners = config.providers.iter().map(|it| it.tenant.as_deref());
    assert_eq!(owners.collect::<Vec<_>>(), [None, Some("acme")]);
    assert!(config.candidates.iter().all(|it| it.tenant.is_some() == (it.provider() == "its")));
    let owners: Vec<_> = config.routes.iter().map(|it| it.tenant.as_deref()).collect();
    assert_eq!(owners, [Some("acme"), Some("lab"), None, Some("other"), None]);
    let shown = config.describe();
    assert!(shown.contains("ITS OWN") && shown.contains("its, its, ours"), "{shown}");
}

#[test]
fn where_everything_is_somebodys_own_no_default_is_implied() {
    let alone =
        house("", "").replacen("providers.house = {", "providers.house = { tenant = \"acme\",", 1);
    assert!(good_behind(&alone, "").routes.is_empty());
}

#[test]
fn what_is_a_tenants_own_cannot_be_built_on_by_others() {
    let own = "tenant `acme`'s own, and the route is not; expected `tenant = \"acme\"` in the route, \
               or one that is part of it";
    for route in ["", "tenant = \"other\""] {
        refused(
            &format!(
                "[routes.r]\n{route}\npolicies = [\"its\"]\ncandidates = [\"its/m1\", \"its/*\", \"its/m9\", \"house/m1\"]\n"
            ),
            &[
                &format!("9:13: [routes.r] policy `its` is {own}"),
                &format!("10:15: [routes.r] candidate `its/m1` is {own}"),
                &format!("10:25: [routes.r] candidate `its/*` is {own}"),
                &format!("10:34: [routes.r] candidate `its/m9` is {own}"),
            ],
        );
    }
    // Those that it is part of cannot either.
    refused(
        "[policies.labs]\ntenant = \"lab\"\nplugin = \"rules\"\n[routes.r]\ntenant = \"acme\"\npolicies = [\"labs\"]\ncandidates = [\"its/m1\"]\n",
        &[
            "12:13: [routes.r] policy `labs` is tenant `lab`'s own, and the route is not; expected `tenant = \"lab\"` in the route, or one that is part of it",
        ],
    );
}

#[test]
fn everybodys_ways_are_nobodys_own() {
    refused(
        "[policies.priority]\ntenant = \"acme\"\nplugin = \"priority\"\n[routes.default]\ntenant = \"acme\"\ncandidates = [\"its/m1\"]\n",
        &[
            "7:11: [policies.priority] cannot be a tenant's own: routes that name no policy go by it",
            "10:9: [routes.default] cannot be a tenant's own: it is what `auto` means",
        ],
    );
}

#[test]
fn whose_it_is_has_to_be_somebody() {
    // What is unclear is reported once, and not in what is built on it.
    refused(
        "[providers.x]\ntenant = 3\nplugin = \"chat\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodels = [\"m1\"]\n\
         [policies.y]\ntenant = \"acne\"\nplugin = \"rules\"\n\
         [routes.r]\npolicies = [\"y\"]\ncandidates = [\"x/m1\"]\n\
         [routes.s]\ntenent = \"acme\"\ncandidates = [\"its/m1\"]\n",
        &[
            "8:10: [providers.x] `tenant` is a number; expected a string",
            "13:10: [policies.y] `tenant`: there is no [tenants.acne] in the configuration; did you mean `acme`?",
            "19:1: unknown key `tenent` in [routes.s]; did you mean `tenant`?",
        ],
    );
}

#[test]
fn a_scope_names_what_is_its_own_and_nothing_of_others() {
    let ours = "[routes.ours]\ntenant = \"acme\"\ncandidates = [\"its/m1\"]\n\
                [routes.labs]\ntenant = \"lab\"\ncandidates = [\"its/m1\"]\n";
    let lines = house(
        ", routes = [\"ours\", \"labs\"], models = [\"its/*\", \"house/m1\"]",
        ", routes = [\"ours\", \"labs\"], models = [\"its/m1\"]",
    );
    // The scope of everybody is around all others.
    good_behind(&lines, &format!("clients.routes = [\"ours\", \"labs\"]\n{ours}"));
    let other = lines.replacen(
        "tenants.other = {",
        "tenants.other = { routes = [\"ours\"], models = [\"its/m1\"],",
        1,
    );
    refused_behind(
        &other,
        ours,
        &[
            "4:29: [tenants.other] `routes`: there is no route `ours`; routes: default",
            "4:48: [tenants.other] `models`: `its/m1` matches no model; expected such as \"provider/model\" or \"provider/*\"",
        ],
    );
}

#[test]
fn sandboxes_of_its_own_have_what_the_operator_lets_them_have_or_less() {
    let lines = house(
        ", limits = { memory = \"8MiB\", cpu_ms = 200, kv_keys = 10, sandboxes = 3 }, plugin_grants = [\"kv\", \"ask:ours\"]",
        ", limits = { memory = \"4MiB\" }, plugin_grants = [\"kv\"]",
    );
    let config = good_behind(
        &lines,
        "[policies.a]\ntenant = \"acme\"\nplugin = \"rules\"\ngrants = [\"kv\", \"ask:ours\"]\nlimits = { cpu_ms = 200, kv_keys = 9, deadline_ms = 100, sandboxes = 2 }\n\
         [policies.b]\ntenant = \"lab\"\nplugin = \"rules\"\ngrants = [\"kv\"]\n\
         [policies.c]\nplugin = \"rules\"\ngrants = [\"read-prompt\"]\nlimits = { memory = \"1GiB\" }\n",
    );
    let limits = |index: usize| {
        let limits = config.policies[index].limits.limits();
        (limits.memory >> 20, limits.cpu.as_millis(), limits.kv_keys, limits.deadline)
    };
    let (short, usual) = (Duration::from_millis(100), Duration::from_secs(5));
    assert_eq!(limits(0), (8, 200, 10, usual));
    assert_eq!(limits(1), (8, 200, 9, short));
    assert_eq!(limits(2), (4, 200, 10, usual));
    assert_eq!(limits(3), (1024, 100, 10_000, usual));
    let sandboxes = [0, 1, 2, 3].map(|index| config.policies[index].limits.sandboxes);
    assert_eq!(sandboxes, [Some(3), Some(2), Some(3), None]);
    assert_eq!(config.providers[1].limits.limits().memory, 8 << 20);
    refused_behind(
        &lines,
        "[policies.a]\ntenant = \"lab\"\nplugin = \"rules\"\ngrants = [\"ask:ours\", \"kv\", \"ask\"]\n\
         limits = { memory = \"5MiB\", cpu_ms = 201, table_elements = 20001, handles = 1025, host_calls = 10001, output_bytes = \"17MiB\", log_lines = 101, deadline_ms = 5001, sandboxes = 4, kv_keys = 11, kv_bytes = \"17MiB\" }\n",
        &[
            "7:11: [policies.a.limits] `cpu_ms` is above what plugins of `lab` may have; see [tenants.lab.limits]",
            "7:11: [policies.a.limits] `deadline_ms` is above what plugins of `lab` may have; see [tenants.lab.limits]",
            "7:11: [policies.a.limits] `handles` is above what plugins of `lab` may have; see [tenants.lab.limits]",
            "7:11: [policies.a.limits] `host_calls` is above what plugins of `lab` may have; see [tenants.lab.limits]",
            "7:11: [policies.a.limits] `kv_bytes` is above what plugins of `lab` may have; see [tenants.lab.limits]",
            "7:11: [policies.a.limits] `kv_keys` is above what plugins of `lab` may have; see [tenants.lab.limits]",
            "7:11: [policies.a.limits] `log_lines` is above what plugins of `lab` may have; see [tenants.lab.limits]",
            "7:11: [policies.a.limits] `memory` is above what plugins of `lab` may have; see [tenants.lab.limits]",
            "7:11: [policies.a.limits] `output_bytes` is above what plugins of `lab` may have; see [tenants.lab.limits]",
            "7:11: [policies.a.limits] `sandboxes` is above what plugins of `lab` may have; see [tenants.lab.limits]",
            "7:11: [policies.a.limits] `table_elements` is above what plugins of `lab` may have; see [tenants.lab.limits]",
            "7:11: [policies.a] `grants`: `ask:ours` is not among what plugins of `lab` may be granted; see `plugin_grants` of [tenants.lab]",
            "7:11: [policies.a] `grants`: `ask` is not among what plugins of `lab` may be granted; see `plugin_grants` of [tenants.lab]",
        ],
    );
    // A tenant has no more than the one that it is part of, and nothing that nobody gave it.
    let above = house(
        ", limits = { memory = \"8MiB\" }",
        ", limits = { memory = \"9MiB\", kv_keys = 10001 }, plugin_grants = [\"kv\"]",
    );
    refused_behind(
        &above,
        "[providers.x]\ntenant = \"other\"\nplugin = \"chat\"\nbase_url = \"http://127.0.0.1:9/v1\"\ngrants = [\"kv\"]\nlimits = { memory = \"33MiB\" }\n",
        &[
            "3:9: [tenants.lab.limits] `kv_keys` is above what plugins of `acme` may have, which it is part of",
            "3:9: [tenants.lab.limits] `memory` is above what plugins of `acme` may have, which it is part of",
            "3:205: [tenants.lab] `plugin_grants`: `kv` is not among those of `acme`, which it is part of",
            "7:12: [providers.x.limits] `memory` is above what plugins of `other` may have; see [tenants.other.limits]",
            "7:12: [providers.x] `grants`: `kv` is not among what plugins of `other` may be granted; see `plugin_grants` of [tenants.other]",
        ],
    );
}
