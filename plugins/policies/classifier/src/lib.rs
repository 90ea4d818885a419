//! Labels a request that has no labels yet with what it is (`task`), how hard it is
//! (`complexity`) and whether it should stay in the house (`privacy`), and abstains: the route's
//! next policy decides, and sees the labels.
//!
//! By rules, and cheap ones: words and phrases, each with the points that it gives to a label
//! (`terms.txt`, and the operator's), and a few shapes that have no words (code, numbers of
//! accounts). A label that is there already is kept. All that is worked out before a request
//! comes is worked out in `configure`, and every sandbox begins with it. Where the operator names a
//! small model, it is asked about what the rules are not sure of ([`asked`]).

mod asked;
mod shapes;
mod terms;

use asked::Ask;
use portcullis_sdk::Request;
use portcullis_sdk::policy::{Candidates, Decision, Policy};
use serde::Deserialize;
use shapes::Shapes;
use std::collections::BTreeMap;
use terms::Terms;

/// What an operator may set; `plugin.toml` describes it to them.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How much of what people wrote is read.
    pub read_bytes: u32,
    /// Whether what looks private is labelled so.
    pub privacy: bool,
    /// The task of what no rule says anything of.
    pub default_task: String,
    /// The operator's own terms, by label.
    pub terms: BTreeMap<String, Vec<String>>,
    /// The small model that is asked where the rules are not sure.
    pub ask: Option<Ask>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            read_bytes: 2048,
            privacy: true,
            default_task: "quick".to_owned(),
            terms: BTreeMap::new(),
            ask: None,
        }
    }
}

/// Labels that are no task.
const PRIVATE: &str = "private";
const CRITICAL: &str = "critical";
const COMPLEX: &str = "complex";

/// Points that a task needs to be told from the default one, and that "private" needs.
const TOLD: u32 = 4;
const SURE: u32 = 6;
/// Points of the task `tools` where the client offers some.
const OFFERED: u32 = 6;

/// The policy, as its operator set it up.
#[derive(Debug)]
pub struct Classifier {
    settings: Settings,
    terms: Terms,
}

portcullis_sdk::export!(policy Classifier);

impl Policy for Classifier {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        let terms =
            Terms::new(include_str!(concat!(env!("OUT_DIR"), "/terms.txt")), &settings.terms)?;
        Ok(Self { settings, terms })
    }

    fn decide(&self, request: &Request, _candidates: &Candidates) -> Result<Decision, String> {
        let missing = |name: &str| request.label(name).is_none();
        let (task, complexity) = (missing("task"), missing("complexity"));
        let privacy = self.settings.privacy && missing("privacy");
        let mut labels = Vec::new();
        // Reading what people wrote is most of what this costs.
        let found = if (task || complexity || privacy) && request.operation() == "chat" {
            self.read(request)
        } else {
            None
        };
        if let Some(mut found) = found {
            if task {
                self.ask(request, &mut found);
            }
            let note = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            if task {
                labels.push(note("task", &found.task));
            }
            if complexity {
                labels.push(note("complexity", &found.complexity));
            }
            if privacy && found.private {
                labels.push(note("privacy", PRIVATE));
            }
        }
        Ok(Decision::Abstain(labels))
    }
}

/// What a request is, by the rules.
struct Found {
    task: String,
    /// The points of the task.
    points: u32,
    complexity: String,
    private: bool,
}

impl Classifier {
    /// Nothing where there is nothing to go by: without the grant "read-prompt" there is no text.
    fn read(&self, request: &Request) -> Option<Found> {
        let text = request.text(self.settings.read_bytes);
        let tools = request.needs("tools");
        if text.is_empty() && !tools {
            return None;
        }
        let shapes = Shapes::of(&text);
        let mut points = self.terms.points(text);
        let mut add = |label: &str, more: u32| {
            if let Some(index) = self.terms.index(label) {
                points[index] += more;
            }
        };
        if tools {
            add("tools", OFFERED);
        }
        if shapes.code {
            add("review", 5);
            add("coding", 3);
        }
        add("review", 5 * shapes.faults.min(2));
        add(PRIVATE, shapes.identity);
        let of = |label| self.terms.index(label).map_or(0, |index| points[index]);
        let private = of(PRIVATE) >= SURE;
        let (complex, critical) = (of(COMPLEX), of(CRITICAL));
        let (points, task) = self.task(&points, tools);
        let complexity = complexity(task, request, complex, critical).to_owned();
        Some(Found { task: task.to_owned(), points, complexity, private })
    }

    /// Puts what the small model says in place of what the rules are not sure of. What they find
    /// private is not shown to it.
    fn ask(&self, request: &Request, found: &mut Found) {
        let Some(ask) = self.settings.ask.as_ref() else { return };
        let text = request.text(self.settings.read_bytes);
        if found.points >= ask.below || found.private || text.is_empty() {
            return;
        }
        let labels = self.terms.labels().filter(|label| is_task(label));
        let mut tasks: Vec<&str> = labels.collect();
        if !tasks.contains(&self.settings.default_task.as_str()) {
            tasks.push(&self.settings.default_task);
        }
        if let Some(said) = ask.ask(&tasks, &text) {
            found.task = said.task;
            found.complexity = said.complexity;
            found.private |= said.private;
        }
    }

    /// The task with the most points, and how many; the first of them where several have as many.
    /// Without tools on offer a request for an action is a question about it.
    fn task(&self, points: &[u32], tools: bool) -> (u32, &str) {
        let mut best = (TOLD - 1, self.settings.default_task.as_str());
        for (label, &points) in self.terms.labels().zip(points) {
            if points > best.0 && is_task(label) && (tools || label != "tools") {
                best = (points, label);
            }
        }
        best
    }
}

fn is_task(label: &str) -> bool {
    ![PRIVATE, CRITICAL, COMPLEX].contains(&label)
}

/// How hard it is: by its words, its task and its length.
fn complexity(task: &str, request: &Request, complex: u32, critical: u32) -> &'static str {
    let tokens = request.input_token_estimate();
    if critical >= SURE {
        CRITICAL
    } else if task == "coding" && (complex >= TOLD || request.needs("tools"))
        || complex >= 2 * TOLD
        || task == "reasoning" && complex >= TOLD
        || tokens > 75_000
    {
        COMPLEX
    } else if matches!(task, "quick" | "tools") && tokens < 60 {
        "simple"
    } else {
        "medium"
    }
}

#[cfg(test)]
mod tests;
