//! The labelled requests, asked of a gateway with `classifier` and `director` in a row: how many go
//! where the task table says.

use crate::caller::{Caller, Http};
use crate::house::{House, chat, provider};
use anyhow::{Context, Result, ensure};
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const REQUESTS: &str = include_str!("../fixtures/tasks/requests.jsonl");

/// The providers of the table's author, as the scripted upstream plays them.
fn providers() -> String {
    let listed = |name: &str, further: &str, models: &str| {
        provider(name, &format!("{further}models = [{models}]\n"))
            .replace("open_models = true\n", "")
    };
    let model = |id: &str, features: &str, tokens: u32| {
        format!("{{ id = \"echo-{id}\", features = [{features}], context_tokens = {tokens} }}, ")
    };
    let groq = [
        model("llama-3.1-8b-instant", "\"tools\"", 131_072),
        model("llama-3.3-70b-versatile", "\"tools\"", 131_072),
        model("llama-4-scout-17b", "\"tools\", \"vision\"", 131_072),
        model("gpt-oss-120b", "\"tools\"", 131_072),
    ];
    let gemini = [
        model("gemini-2.5-flash", "\"tools\", \"vision\"", 1_048_576),
        model("gemini-2.5-pro", "\"tools\", \"vision\"", 1_048_576),
    ];
    [
        listed("groq", "", &groq.concat()),
        listed("gemini", "", &gemini.concat()),
        listed("claude-code", "", &model("opus", "\"tools\", \"vision\"", 200_000)),
        listed("own", "local = true\n", &model("ministral-3b", "\"tools\", \"vision\"", 32_768)),
    ]
    .concat()
}

fn row(classifier: &str) -> String {
    format!(
        "{}[policies.classifier]\nplugin = \"classifier\"\n{classifier}\n\
         [policies.director]\nplugin = \"director\"\n\
         [routes.default]\npolicies = [\"classifier\", \"director\"]\n\
         candidates = [\"groq/*\", \"gemini/*\", \"claude-code/*\", \"own/*\"]\n",
        providers()
    )
}

const READS: &str = "grants = [\"read-prompt\"]";

/// The primary of a task, by the table. Whoever has an image and a primary that sees none goes to
/// the fallback.
fn expected(task: &str, sees: bool) -> Result<&'static str> {
    Ok(match (task, sees) {
        ("quick", false) | ("summary", false) => "groq/echo-llama-3.1-8b-instant",
        ("reasoning", false) => "groq/echo-llama-3.3-70b-versatile",
        ("reasoning", true) => "gemini/echo-gemini-2.5-pro",
        ("tools", _) => "groq/echo-llama-4-scout-17b",
        ("coding" | "review", _) => "claude-code/echo-opus",
        ("quick", true) | ("long-context" | "memory" | "research", _) => {
            "gemini/echo-gemini-2.5-flash"
        }
        ("private", _) | ("summary", true) => "own/echo-ministral-3b",
        _ => anyhow::bail!("the table has no task {task}"),
    })
}

/// What a client would send.
fn body(line: &Value) -> Result<Value> {
    let prompt = line["prompt"].as_str().context("no prompt")?;
    let document = line["document_tokens"].as_u64().context("no document_tokens")?;
    let needs = |feature: &str| {
        line["needs"].as_array().is_some_and(|needs| needs.iter().any(|need| need == feature))
    };
    // A token is about four bytes.
    let text = match usize::try_from(document)? {
        0 => prompt.to_owned(),
        tokens => format!("{prompt}\n\n{}", "any ".repeat(tokens)),
    };
    let content = if needs("vision") {
        let image = json!({ "url": "data:image/png;base64,iVBORw0KGgo=" });
        json!([{ "type": "text", "text": text }, { "type": "image_url", "image_url": image }])
    } else {
        json!(text)
    };
    let mut body = json!({ "model": "auto", "messages": [{ "role": "user", "content": content }] });
    if needs("tools") {
        let function = json!({ "name": "act", "parameters": { "type": "object" } });
        body["tools"] = json!([{ "type": "function", "function": function }]);
    }
    Ok(body)
}

async fn goes_to(caller: &mut Caller, body: &Value) -> Result<String> {
    let reply = caller.chat(body).await?;
    ensure!(reply.status == 200, "{reply:?}");
    Ok(reply.header("x-portcullis-candidate").to_owned())
}

#[test]
fn most_labelled_requests_go_where_the_table_says() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&row(READS)).await?;
        let mut caller = house.caller(Http::One).await?;
        let mut shares: BTreeMap<String, (u32, u32)> = BTreeMap::new();
        for line in REQUESTS.lines() {
            let line: Value = serde_json::from_str(line)?;
            let text = |name: &str| line[name].as_str().with_context(|| format!("no {name}"));
            let (task, half) = (text("task")?, text("half")?);
            let sees = line["needs"].as_array().is_some_and(|it| it.contains(&json!("vision")));
            let found = goes_to(&mut caller, &body(&line)?).await?;
            let right = u32::from(found == expected(task, sees)?);
            // Of the held-out half only the share is looked at.
            if right == 0 && half == "development" {
                println!("{} goes to {found}", text("id")?);
            }
            for of in ["all", half, task] {
                let share = shares.entry(of.to_owned()).or_default();
                *share = (share.0 + right, share.1 + 1);
            }
        }
        for (of, (right, all)) in &shares {
            let percent = 100.0 * f64::from(*right) / f64::from(*all);
            println!("{of:<13} {right:>3} of {all:>3} go where the table says: {percent:.1} %");
        }
        let (right, all) = shares.get("all").copied().context("there are no requests")?;
        ensure!(all >= 400 && right * 100 >= all * 95, "{right} of {all}");
        house.settled().await
    })
}

#[test]
fn the_director_sees_what_the_classifier_labels() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&row(READS)).await?;
        let mut caller = house.caller(Http::One).await?;
        let asked = json!({
            "model": "auto",
            "messages": [{ "role": "user", "content": "Refactor this module." }],
        });
        goes_to(&mut caller, &asked).await?;
        let record = house.record("auto").await?;
        ensure!(record.policy.as_deref() == Some("director"), "{record:?}");
        let label = |name: &str| {
            record.labels.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        ensure!(label("task") == Some("coding"), "{record:?}");
        ensure!(label("complexity") == Some("complex"), "{record:?}");
        ensure!(label("row") == Some("coding"), "{record:?}");
        ensure!(record.reason.contains(" first for coding, "), "{}", record.reason);
        house.settled().await
    })
}

#[test]
fn without_the_grant_nothing_is_read_and_the_route_goes_on() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&row("")).await?;
        let mut caller = house.caller(Http::One).await?;
        let found = goes_to(&mut caller, &chat("auto", false)).await?;
        ensure!(found == "groq/echo-llama-3.1-8b-instant", "{found}");
        let record = house.record("auto").await?;
        ensure!(record.policy.is_none() && record.labels.is_empty(), "{record:?}");
        house.settled().await
    })
}

#[test]
fn what_is_found_private_never_leaves_and_is_refused_where_nothing_is_local() -> Result<()> {
    on_two_workers(async {
        let asked = json!({
            "model": "auto",
            "messages": [{ "role": "user", "content": "Is my password good enough?" }],
        });
        let house = House::open(&row(READS)).await?;
        let found = goes_to(&mut house.caller(Http::One).await?, &asked).await?;
        ensure!(found == "own/echo-ministral-3b", "{found}");
        let away = row(READS).replace("local = true\n", "");
        let house = House::open(&away).await?;
        let refused = house.caller(Http::One).await?.chat(&asked).await?;
        ensure!(refused.status != 200, "{refused:?}");
        let message = refused.json()?["error"]["message"].to_string();
        ensure!(message.contains("private"), "{message}");
        ensure!(house.upstream.requests().is_empty(), "it went out");
        house.settled().await
    })
}
