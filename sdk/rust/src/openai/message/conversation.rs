//! Messages put together to turns.

use super::Role;
use crate::Json;

/// A conversation in the form of most other dialects: what the system says by itself, and turns
/// that differ from each other in who speaks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversation<'a> {
    /// What the system says.
    pub system: Vec<Json<'a>>,
    /// The turns, each with its parts in the upstream's form.
    pub turns: Vec<(Role, Vec<Json<'a>>)>,
}

impl<'a> Conversation<'a> {
    /// Adds to what the system says, to the turn that is on, or as the next turn. Nothing is no
    /// turn.
    pub fn say(&mut self, role: Role, parts: Vec<Json<'a>>) {
        match self.turns.last_mut() {
            _ if role == Role::System => self.system.extend(parts),
            _ if parts.is_empty() => {}
            Some((present, all)) if *present == role => all.extend(parts),
            _ => self.turns.push((role, parts)),
        }
    }

    /// Takes the turns, as objects: whose one is, as the upstream calls the model, and its parts under
    /// this name. What is not the model's is the user's.
    pub fn take_turns(&mut self, model: &'a str, parts: &'a str) -> Json<'a> {
        let turn = |(role, all)| {
            let role = if role == Role::Assistant { model } else { "user" };
            Json::object([("role", role.into()), (parts, Json::List(all))])
        };
        std::mem::take(&mut self.turns).into_iter().map(turn).collect()
    }
}
