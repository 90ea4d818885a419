//! `[limits.NAME]`, what belongs to it, and what is wrong with one.

use super::{good_behind, refused_behind};
use crate::config::{OverBudget, Per};
use portcullis_ledger::{Measure, Period, Subject, WhenAway};

const HOUSE: &str =
    "providers.house = { plugin = \"chat\", base_url = \"http://[::1]/\", models = [\"m1\"] }\n";
const LEDGER: &str = "[ledger]\nurl = \"sqlite:kept.db\"\n";

#[test]
fn every_key_of_a_limit() {
    let config = good_behind(
        HOUSE,
        r#"
[ledger]
url = "sqlite:kept.db"
journal = "used"
journal_size = "1MiB"
when_away = "serve"
[alerts]
webhook = "https://alerts.example/hook?token=sesame"
[routes.usual]
candidates = ["house/m1"]
over_budget = "local"
[limits.month]
tenant = "*"
usd = 12.5
per = "month"
time_zone = "Europe/Berlin"
warn_at = 0.8
[limits.talk]
label = "team=*"
tokens = 1000
per = "conversation"
[limits.at-once]
key = "acme/ci"
concurrent = 3
[limits.model]
model = "house/*"
requests = 0
per = "minute"
"#,
    );
    assert_eq!(config.ledger.journal.unwrap().to_str(), Some("used"));
    assert_eq!(config.ledger.journal_size, 1 << 20);
    assert_eq!(config.ledger.when_away, WhenAway::Serve);
    assert_eq!(config.routes[0].over_budget, OverBudget::Local);
    // There may be a secret in it.
    assert_eq!(format!("{:?}", config.webhook), "Some(Webhook(alerts.example))");
    let [month, talk, at_once, model] = config.limits.as_slice() else { panic!("not all") };
    assert_eq!((&*month.name, month.subject, &*month.pattern), ("month", Subject::Tenant, "*"));
    assert_eq!((month.measure, month.most), (Measure::Nanodollars, 12_500_000_000));
    assert_eq!((month.per, month.warn_at), (Per::Window(Period::Month), Some(0.8)));
    assert_eq!(month.zone.iana_name(), Some("Europe/Berlin"));
    assert_eq!((talk.subject, talk.per), (Subject::Label, Per::Conversation));
    assert_eq!((at_once.measure, at_once.per), (Measure::Concurrent, Per::Window(Period::Total)));
    assert_eq!((model.subject, model.measure, model.most), (Subject::Model, Measure::Requests, 0));
    let without = good_behind(HOUSE, LEDGER);
    assert_eq!(without.ledger.journal.unwrap().to_str(), Some("kept.db.usage"));
}

/// What is wrong with a limit of these lines, in the fourth line or behind it.
#[track_caller]
fn wrong(lines: &str, problem: &str) {
    refused_behind(HOUSE, &format!("{LEDGER}[limits.x]\n{lines}\n"), &[problem]);
}

#[test]
fn what_is_wrong_with_a_limit() {
    const ONE_OF: &str = "one of `key`, `tenant`, `route`, `provider`, `model` and `label`";
    const PERIODS: &str =
        "\"minute\", \"day\", \"week\", \"month\", \"total\", \"request\" or \"conversation\"";
    for (lines, problem) in [
        ("usd = 1\nper = \"day\"", format!("4:9: [limits.x] has to say whose it is: {ONE_OF}")),
        (
            "tenant = \"a\"\nkey = \"b\"\nusd = 1\nper = \"day\"",
            format!("4:9: [limits.x] has to say whose it is: {ONE_OF}"),
        ),
        (
            "tenant = \"a\"\nper = \"day\"",
            "4:9: [limits.x] has to say how much of what: one of `usd`, `tokens`, `requests` and `concurrent`".into(),
        ),
        (
            "tenant = \"a\"\nusd = 1",
            format!("4:9: [limits.x] has no `per`; expected {PERIODS}"),
        ),
        (
            "tenant = \"a\"\nusd = 1\nper = \"year\"",
            format!("7:7: [limits.x] `per` = \"year\" is not known; expected {PERIODS}"),
        ),
        (
            "tenant = \"a\"\nusd = -1\nper = \"day\"",
            "6:7: [limits.x] `usd` is not an amount of money; expected an amount of US dollars such as 100.0".into(),
        ),
        (
            "tenant = \"a\"\nconcurrent = 1\nper = \"day\"",
            "4:9: [limits.x] has `per` = \"day\"; requests under way are counted at each moment, so leave it out".into(),
        ),
        (
            "tenant = \"a\"\nusd = 1\nper = \"day\"\ntime_zone = \"Mars\"",
            "8:13: [limits.x] `time_zone` = \"Mars\" is no time zone; expected the name of a time zone such as \"Europe/Berlin\"".into(),
        ),
        (
            "tenant = \"a\"\nusd = 1\nper = \"day\"\nwarn_at = 80",
            "8:11: [limits.x] `warn_at` is no share; expected a share from 0.0 to 1.0".into(),
        ),
        (
            "provider = \"hous\"\nusd = 1\nper = \"day\"",
            "5:12: [limits.x] there is no provider `hous`; did you mean `house`?".into(),
        ),
        (
            "route = \"nowhere\"\nusd = 1\nper = \"day\"",
            "5:9: [limits.x] there is no route `nowhere`; routes: default".into(),
        ),
        (
            "label = \"team\"\nusd = 1\nper = \"day\"",
            "5:9: [limits.x] `label` = \"team\"; expected \"NAME=VALUE\" or \"NAME=*\"".into(),
        ),
        (
            "model = \"other/m\"\nusd = 1\nper = \"day\"",
            "5:9: [limits.x] `model`: `other/m` matches no model; expected such as \"provider/model\" or \"provider/*\"".into(),
        ),
        (
            "provider = \"house\"\nconcurrent = 1",
            "4:9: [limits.x] counts the requests under way at a provider or model; set its `concurrency` instead".into(),
        ),
        (
            "provider = \"house\"\nusd = 1\nper = \"conversation\"",
            "4:9: [limits.x] counts a conversation, which goes to any model; put it on a tenant or a key".into(),
        ),
        (
            "tenant = \"a\"\nrequests = 1\nper = \"request\"",
            "4:9: [limits.x] counts the requests of a request".into(),
        ),
        (
            "tenant = \"a\"\nusd = 1\nper = \"day\"\n[limits.y]\ntenant = \"a\"\nusd = 2\nper = \"day\"",
            "8:9: [limits.y] counts what [limits.x] counts; keep one of them".into(),
        ),
    ] {
        wrong(lines, &problem);
    }
}

#[test]
fn what_limits_need() {
    let limit = "[limits.x]\ntenant = \"a\"\nusd = 1\nper = \"day\"\n";
    refused_behind(
        HOUSE,
        limit,
        &[
            "2:9: limits are counted in a ledger, or else a restart would forget what is spent; expected such as [ledger] url = \"sqlite:portcullis.db\"",
        ],
    );
    refused_behind(
        HOUSE,
        "[ledger]\nurl = \"postgres://a@b/c\"\n",
        &[
            "3:7: [ledger] has no `journal`; with a server, expected the path of a folder of this process alone, which outlives it: what was used waits there until the server has it",
        ],
    );
    refused_behind(
        HOUSE,
        "[ledger]\njournal = \"x\"\nwhen_away = \"wait\"\n",
        &[
            "2:2: [ledger] has no `url`; expected such as \"sqlite:portcullis.db\"",
            "4:13: [ledger] `when_away` = \"wait\" is not known; expected \"refuse\" or \"serve\"",
        ],
    );
    refused_behind(
        HOUSE,
        "[alerts]\nwebhook = \"alerts.example\"\n",
        &[
            "3:11: [alerts] `webhook` is no address; expected such as \"https://alerts.example.com/hook\"",
        ],
    );
    refused_behind(
        HOUSE,
        "[routes.r]\ncandidates = [\"house/m1\"]\nover_budget = \"no\"\n",
        &[
            "4:15: [routes.r] `over_budget` = \"no\" is not known; expected \"refuse\", \"free\" or \"local\"",
        ],
    );
}
