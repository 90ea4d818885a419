//! Sends each task to the models that a table names for it: a primary, and a fallback.
//!
//! Three things go before the task. What is private stays on machines of the operator's: where none
//! is among the candidates the request is refused, because the row's next policy, or the route's
//! order, would send it elsewhere. What is long goes to who has the context for it. And a
//! conversation that has grown past a bound, or spent more than another, tries expensive models
//! last. What it spent is counted in `kv`, where that is granted ([`spent`]).
//!
//! The table is data (`table.json`), and each of its rows can be replaced by a setting. A request
//! without a label "task" that is neither private nor long is not decided here.

mod spent;

use portcullis_sdk::Request;
use portcullis_sdk::policy::{
    Candidates, Decision, Description, Failure, FailureKind, Needed, Outcome, Patterns, Policy,
    Ranking, Setback,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What an operator may set; `plugin.toml` describes it to them.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Rows that take the place of the shipped ones, by task.
    pub tasks: BTreeMap<String, Row>,
    /// Tokens past which a request is long.
    pub long_context: u32,
    /// Whether the route's other candidates stand behind those of the row.
    pub others: bool,
    /// How often a candidate is tried again before the next one is.
    pub retries: u32,
    /// Models that are kept for short conversations.
    pub expensive: Option<Expensive>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tasks: BTreeMap::new(),
            long_context: 32_000,
            others: true,
            retries: 1,
            expensive: None,
        }
    }
}

/// Who serves a task.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Who should.
    pub primary: Patterns,
    /// Who does where none of those can.
    #[serde(default)]
    pub fallback: Patterns,
}

/// Models that are tried last in long conversations.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expensive {
    /// Which.
    pub models: Patterns,
    /// Up to how many tokens a conversation may go to them.
    #[serde(default)]
    pub conversation_tokens: Option<u32>,
    /// How many tokens a conversation may spend on them, over all of its requests.
    #[serde(default)]
    pub spent_tokens: Option<u32>,
}

const PRIVATE: &str = "private";
const LONG: &str = "long-context";

/// The policy, as its operator set it up.
#[derive(Debug)]
pub struct Director {
    settings: Settings,
    table: BTreeMap<String, Row>,
}

portcullis_sdk::export!(policy Director);

impl Policy for Director {
    type Settings = Settings;

    fn describe() -> Description {
        let state_schema = "director-1".to_owned();
        Description { state_schema, wants_outcomes: true, extra: Vec::new() }
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        let mut table: BTreeMap<String, Row> = serde_json::from_str(include_str!("../table.json"))
            .map_err(|error| format!("table.json: {error}"))?;
        table.extend(settings.tasks.clone());
        if let Some((task, _)) = table.iter().find(|(_, row)| row.primary.is_empty()) {
            return Err(format!("tasks.{task}.primary: name at least one candidate"));
        }
        if let Some(Expensive { models, spent_tokens: Some(_), .. }) = &settings.expensive
            && !models.are_by_id()
        {
            return Err("expensive.models: what is spent is counted by ids; name them as \
                        \"provider/model\" or \"provider/*\", or leave out `spent_tokens`"
                .to_owned());
        }
        Ok(Self { settings, table })
    }

    fn decide(&self, request: &Request, candidates: &Candidates) -> Result<Decision, String> {
        if request.label("privacy").as_deref() == Some(PRIVATE) {
            return Ok(self.at_home(request, candidates));
        }
        let Some((row, order)) = self.find(request, candidates) else {
            return Ok(Decision::Abstain(Vec::new()));
        };
        let order = self.with_others(order, candidates);
        let order = self.thrifty(order, request, candidates);
        let ranking = Ranking::of(candidates, &Needed::of(request), order);
        let mut plan = self.plan(row, ranking);
        if let (Decision::Route(plan), Some(conversation)) = (&mut plan, self.counted(request)) {
            plan.labels.push((spent::CONVERSATION.to_owned(), conversation));
        }
        Ok(plan)
    }

    fn observe(&self, outcomes: Vec<Outcome>) {
        if let Some(Expensive { models, spent_tokens: Some(_), .. }) = &self.settings.expensive {
            spent::count(models, &outcomes);
        }
    }
}

/// A row's name, and its candidates in their order: at least one.
type Found<'a> = (&'a str, Vec<u32>);

impl Director {
    /// The row that a request goes by: of its length, or else of its task.
    fn find(&self, request: &Request, candidates: &Candidates) -> Option<Found<'_>> {
        let by_length = || self.row(LONG, candidates);
        let by_task = || self.row(&request.label("task")?, candidates);
        if request.input_token_estimate() > self.settings.long_context {
            return by_length().or_else(by_task);
        }
        let found = by_task()?;
        if fits_any(&found.1, request, candidates) {
            Some(found)
        } else {
            by_length().or(Some(found))
        }
    }

    /// A row with those of its candidates that are here; none where nobody is.
    fn row(&self, task: &str, candidates: &Candidates) -> Option<Found<'_>> {
        let (name, row) = self.table.get_key_value(task)?;
        let mut order = row.primary.among(candidates);
        append(&mut order, row.fallback.among(candidates));
        (!order.is_empty()).then_some((name, order))
    }

    fn plan(&self, row: &str, ranking: Ranking<'_>) -> Decision {
        let mut plan = ranking.plan(self.settings.retries, &format!("for {row}"));
        plan.labels.push(("row".to_owned(), row.to_owned()));
        Decision::Route(plan)
    }

    /// What is private: candidates of the row, and of those only who runs on the operator's
    /// machines, whatever the row says.
    fn at_home(&self, request: &Request, candidates: &Candidates) -> Decision {
        let (_, mut order) = self.row(PRIVATE, candidates).unwrap_or_default();
        order.retain(|&index| candidates.profile(index).local);
        if order.is_empty() {
            return Decision::Refuse(Failure::new(
                FailureKind::Unsupported,
                "This request is private, and none of the models that could serve it runs on \
                 machines of the operator's.",
            ));
        }
        self.plan(PRIVATE, Ranking::of(candidates, &Needed::of(request), order))
    }

    /// The conversation of a request, where what it spends is counted.
    fn counted(&self, request: &Request) -> Option<String> {
        self.settings.expensive.as_ref()?.spent_tokens?;
        request.label(spent::CONVERSATION).filter(|conversation| !conversation.is_empty())
    }

    fn with_others(&self, mut order: Vec<u32>, candidates: &Candidates) -> Vec<u32> {
        if self.settings.others {
            append(&mut order, candidates.indices());
        }
        order
    }

    /// Expensive models go last where the conversation is past their bound.
    fn thrifty(&self, mut order: Vec<u32>, request: &Request, candidates: &Candidates) -> Vec<u32> {
        if let Some(expensive) = &self.settings.expensive {
            let tokens = || {
                let answer = request.max_output_tokens().unwrap_or(0);
                request.input_token_estimate().saturating_add(answer)
            };
            let has_spent = |most: u32| {
                let conversation = self.counted(request);
                conversation.is_some_and(|it| spent::by(&it) >= u64::from(most))
            };
            if expensive.conversation_tokens.is_some_and(|most| tokens() > most)
                || expensive.spent_tokens.is_some_and(has_spent)
            {
                let dear = expensive.models.among(candidates);
                // Stable: otherwise the order stays.
                order.sort_by_key(|index| dear.contains(index));
            }
        }
        order
    }
}

/// Whether the context of one of them is long enough, as far as is known.
fn fits_any(order: &[u32], request: &Request, candidates: &Candidates) -> bool {
    let needed = Needed::of(request);
    let fits = |&index: &u32| !matches!(needed.unmet(candidates, index), Some(Setback::TooLong(_)));
    order.iter().any(fits)
}

/// Puts further candidates behind those that are there already, each once.
fn append(order: &mut Vec<u32>, more: impl IntoIterator<Item = u32>) {
    for index in more {
        if !order.contains(&index) {
            order.push(index);
        }
    }
}

#[cfg(test)]
mod tests;
