//! The files: what clients send, what was recorded, and what is known not to work.

use super::outcome::Outcome;
use super::{COLUMNS, Row};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What a client sends.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) request: Value,
}

impl Case {
    /// Whether it is about a failure.
    pub(super) fn fails(&self) -> bool {
        fails(&self.name)
    }
}

fn fails(case: &str) -> bool {
    case.starts_with("error-")
}

/// The kind of failure that a case about one is about.
fn kind(case: &str) -> Option<&str> {
    Some(match case.strip_prefix("error-")? {
        "cut-off" | "midstream" => "upstream",
        "loading" => "overloaded",
        "no-tools" | "no-vision" => "unsupported",
        kind => kind,
    })
}

/// The cases of a dialect, by name.
pub(super) fn cases(dialect: &str) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for path in listed(&folder(dialect))? {
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().and_then(|name| name.to_str()).context("a case's name")?;
            let text = fs::read_to_string(&path)?;
            let request = serde_json::from_str(&text).with_context(|| name.to_owned())?;
            cases.push(Case { name: name.to_owned(), request });
        }
    }
    ensure!(!cases.is_empty(), "there are no cases of {dialect}");
    Ok(cases)
}

/// Compares what came of a case with what is recorded, or records it.
pub(super) fn compare(
    dialect: &str,
    case: &str,
    row: &Row,
    gaps: &Gaps,
    problems: &mut Vec<String>,
) -> Result<()> {
    let mut expected = BTreeSet::new();
    for (provider, outcome) in row.iter().filter(|(provider, _)| !gaps.are_all(provider)) {
        let Some(outcome) = outcome else { continue };
        let path = format!("tests/fixtures/{dialect}/{case}/{provider}.json");
        let text = serde_json::to_string_pretty(&outcome.to_json())? + "\n";
        compare_text(&path, &text, problems)?;
        expected.insert(root().join(path));
    }
    for path in listed(&folder(dialect).join(case))? {
        if !expected.contains(&path) && is_recording() {
            fs::remove_file(&path)?;
        } else if !expected.contains(&path) {
            problems.push(format!("{} is the outcome of nothing", path.display()));
        }
    }
    Ok(())
}

/// The same for a text.
pub(super) fn compare_text(path: &str, text: &str, problems: &mut Vec<String>) -> Result<()> {
    let full = root().join(path);
    let recorded = fs::read_to_string(&full).unwrap_or_default();
    if is_recording() {
        fs::create_dir_all(full.parent().context("it is in a folder")?)?;
        fs::write(full, text)?;
    } else if recorded != text {
        let line = text.lines().zip(recorded.lines()).find(|(now, then)| now != then);
        let line = line.map(|(now, then)| format!(": it is {now:?}, and was {then:?}"));
        problems.push(format!("{path} is not as recorded{}", line.unwrap_or_default()));
    }
    Ok(())
}

fn is_recording() -> bool {
    std::env::var_os("PORTCULLIS_RECORD").is_some()
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn folder(dialect: &str) -> PathBuf {
    root().join("tests/fixtures").join(dialect)
}

/// What is in a folder, by name; nothing where there is none.
fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut paths = entries.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// In place of a case: what does not work of any.
const ALL: &str = "all";

/// What does not work, by case and provider, and whose part that is.
pub(super) struct Gaps(BTreeMap<String, BTreeMap<String, String>>);

/// How a reason begins.
const KINDS: [&str; 3] = ["vendor cannot: ", "not yet: ", "otherwise: "];

impl Gaps {
    pub(super) fn read(dialect: &str) -> Result<Self> {
        let text = fs::read_to_string(folder(dialect).join("gaps.toml"))?;
        let gaps: BTreeMap<String, BTreeMap<String, String>> = toml::from_str(&text)?;
        for reason in gaps.values().flat_map(BTreeMap::values) {
            let kind = KINDS.iter().any(|kind| reason.starts_with(kind));
            ensure!(kind, "{reason:?} does not begin as one of {KINDS:?}");
        }
        Ok(Self(gaps))
    }

    pub(super) fn of(&self, case: &str, provider: &str) -> Option<&str> {
        let of = |case: &str| self.0.get(case)?.get(provider).map(String::as_str);
        of(ALL).or_else(|| of(case))
    }

    /// Whether nothing at all works over a provider.
    fn are_all(&self, provider: &str) -> bool {
        self.0.get(ALL).is_some_and(|gaps| gaps.contains_key(provider))
    }

    /// Gaps that nobody explained, and those that are none.
    pub(super) fn problems(
        &self,
        case: &str,
        row: &Row,
        essence: fn(&Value) -> Value,
    ) -> Vec<String> {
        let outcomes = COLUMNS.iter().filter(|column| !self.are_all(column.name));
        let outcomes = outcomes.filter_map(|column| row.get(column.name)?.as_ref());
        let mut answered = outcomes.filter(|outcome| outcome.whole.status == 200);
        let said = answered.next().map(|outcome| essence(&outcome.whole.answer));
        let mut problems = Vec::new();
        for (provider, outcome) in row {
            if let Some(why) = outcome.as_ref().and_then(Outcome::unreadable) {
                problems.push(format!("{case} over {provider} cannot be read: {why}"));
            }
            let why = match outcome {
                None if fails(case) => None,
                None => Some("the vendor has no form for it".to_owned()),
                Some(outcome) if fails(case) => {
                    let taken_for = outcome.whole.failure.as_deref();
                    (taken_for != kind(case)).then(|| format!("it was taken for {taken_for:?}"))
                }
                Some(outcome) if outcome.whole.status != 200 => {
                    Some(format!("it failed: {}", outcome.whole.answer))
                }
                Some(outcome) => {
                    let says = essence(&outcome.whole.answer);
                    let same = Some(&says) == said.as_ref();
                    (!same).then(|| format!("the answer is another: {says}"))
                }
            };
            match (why, self.of(case, provider)) {
                (Some(why), None) => problems.push(format!(
                    "{case} over {provider}: {why}; mend it, or give the reason in gaps.toml"
                )),
                (None, Some(gap)) => {
                    problems.push(format!("{case} over {provider} works, and has a gap: {gap}"));
                }
                _ => {}
            }
        }
        problems
    }

    /// Gaps of cases that are none.
    pub(super) fn left_over(&self, cases: &[Case]) -> Vec<String> {
        let known = |name: &&String| *name != ALL && !cases.iter().any(|case| case.name == **name);
        let names = self.0.keys().filter(known);
        names.map(|name| format!("gaps.toml: there is no case {name}")).collect()
    }
}
