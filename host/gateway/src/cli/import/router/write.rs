//! What was read, as a configuration and as a report.

use super::json::shown;
use super::{Imported, Provider, RULES, Rule};
use crate::cli::import::{key, quoted};
use crate::wire::dialect::Dialect;
use std::fmt::Write as _;

/// Names of conditions that are labels, which somebody has to set: the name, and the label.
const LABELS: [(&str, &str); 4] = [
    ("task_type", "task"),
    ("complexity", "complexity"),
    ("privacy", "privacy"),
    ("conversation", "conversation"),
];
/// The policy where there are neither rules nor a strategy.
const CHAIN: &str = "ordered";

impl Imported {
    /// A configuration, in TOML; what has no place stands at its end.
    pub(in crate::cli) fn toml(&self) -> String {
        let mut text = format!(
            "# From {}. `portcullis check` says whether its keys are there and its conditions are \
             understood.\n",
            self.file.escape_debug()
        );
        for provider in &self.providers {
            provider.write(&mut text);
        }
        let policies = self.policies(&mut text);
        let policies: Vec<_> = policies.iter().map(|name| quoted(name)).collect();
        let _ = write!(
            text,
            "\n[routes.default]\npolicies = [{}]\ncandidates = [\n",
            policies.join(", ")
        );
        for candidate in &self.candidates {
            let _ = writeln!(text, "  {},", quoted(candidate));
        }
        text.push_str("]\n");
        if !self.left.is_empty() {
            text.push_str("\n# Not taken over:\n");
        }
        for (at, why) in &self.left {
            let path = shown(&at.path).escape_debug();
            let _ = writeln!(
                text,
                "# line {}, {path}: {}",
                at.place.line,
                why.replace(char::is_control, " ")
            );
        }
        text
    }

    /// Writes the policies, and gives their names in the route's order.
    fn policies(&self, text: &mut String) -> Vec<&str> {
        let mut policies = Vec::new();
        if !self.rules.is_empty() {
            policies.push(RULES);
            self.rules(text);
        }
        policies.extend(self.policy.as_deref());
        if policies.is_empty() {
            policies.push(CHAIN);
        }
        for policy in policies.iter().filter(|policy| **policy != RULES) {
            let _ = write!(text, "\n[policies.{0}]\nplugin = {1}\n", key(policy), quoted(policy));
            if let Some(retries) = self.retries {
                let _ = writeln!(text, "settings = {{ retries = {retries} }}");
            }
        }
        policies
    }

    fn rules(&self, text: &mut String) {
        let _ = write!(text, "\n[policies.{RULES}]\nplugin = \"{RULES}\"\n");
        let _ = write!(text, "\n[policies.{RULES}.settings]\n");
        let then = if self.fallback { "others" } else { "nothing" };
        let _ = writeln!(text, "then = \"{then}\"");
        if self.policy.is_none() {
            text.push_str("otherwise = \"route\"\n");
        }
        if let Some(retries) = self.retries {
            let _ = writeln!(text, "retries = {retries}");
        }
        if let Some(note) = self.labels() {
            let _ = writeln!(text, "# {note}");
        }
        for rule in &self.rules {
            text.push('\n');
            let written = rule.written();
            if rule.left_out {
                // As it would stand, for whoever adds what it lacks.
                let lines = written.lines().map(|line| format!("# {line}\n"));
                text.extend(lines);
            } else {
                text.push_str(&written);
            }
        }
    }

    /// Who says what the rules ask for, where somebody has to.
    fn labels(&self) -> Option<String> {
        let named = |name: &str| {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let rules = self.rules.iter().filter(|rule| !rule.left_out);
            let mut words = rules.flat_map(|rule| rule.condition.split(|c| !word(c)));
            words.any(|word| word == name)
        };
        let labels: Vec<_> = LABELS.iter().filter(|(name, _)| named(name)).collect();
        if labels.is_empty() {
            return None;
        }
        let names: Vec<_> = labels.iter().map(|(name, _)| format!("`{name}`")).collect();
        let headers: Vec<_> =
            labels.iter().map(|(_, label)| format!("x-portcullis-label-{label}")).collect();
        Some(format!(
            "{}: clients say it in {}, or a policy before this one labels requests, such as \
             `classifier`, in words of its own.",
            names.join(", "),
            headers.join(", ")
        ))
    }

    /// How much was taken over, and what was not.
    pub(in crate::cli) fn report(&self) -> String {
        let kept = self.rules.iter().filter(|rule| !rule.left_out).count();
        let mut text = format!(
            "{} providers, {kept} of {} rules, {} candidates\n",
            self.providers.len(),
            self.rules.len(),
            self.candidates.len()
        );
        for (at, why) in &self.left {
            let path = shown(&at.path);
            let _ = writeln!(text, "warning: {}: `{path}` is not taken over: {why}", at.place);
        }
        if let Some(note) = self.labels() {
            let _ = writeln!(text, "note: {note}");
        }
        text
    }
}

impl Provider {
    fn write(&self, text: &mut String) {
        let _ = write!(text, "\n[providers.{}]\n", key(&self.name));
        if self.preset {
            let _ = writeln!(text, "preset = {}", quoted(&self.name));
        } else {
            // What is known of nobody mostly speaks the dialect that others imitate; the plugin of
            // a dialect bears its name.
            let plugin = quoted(Dialect::CANONICAL.name());
            let _ = writeln!(text, "plugin = {plugin}  # assumed: the file names no protocol");
        }
        if let Some(url) = &self.base_url {
            let _ = writeln!(text, "base_url = {}", quoted(url));
        }
        if let Some(key) = &self.key {
            let _ = writeln!(text, "credential = {{ env = {} }}", quoted(key));
        }
        if self.models.is_empty() {
            return;
        }
        text.push_str("models = [\n");
        for model in &self.models {
            let id = quoted(&model.id);
            let tags = model.tags.iter().map(|tag| quoted(tag)).collect::<Vec<_>>().join(", ");
            let _ = match model.tags.is_empty() {
                true => writeln!(text, "  {id},"),
                false => writeln!(text, "  {{ id = {id}, tags = [{tags}] }},"),
            };
        }
        text.push_str("]\n");
    }
}

impl Rule {
    fn written(&self) -> String {
        let mut text = format!(
            "[[policies.{RULES}.settings.rules]]\nif = {}\nto = [{}]\n",
            quoted(&self.condition),
            quoted(&self.to)
        );
        if let Some(reason) = &self.reason {
            let _ = writeln!(text, "reason = {}", quoted(reason));
        }
        text
    }
}
