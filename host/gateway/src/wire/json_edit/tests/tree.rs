//! Edits to generated texts, against the same edits to a tree written as plainly as can be.

use serde_json::{Map, Value, json};

use super::*;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 4 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.below(1_000)),
            3 => json!(["", "x", "\"}{\\", "ä,\n"][self.below(4)]),
            4 | 5 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => Value::Object(
                (0..self.below(4)).map(|_| (self.step(), self.value(depth - 1))).collect(),
            ),
        }
    }

    fn step(&mut self) -> String {
        ["a", "b", "c/d", "~", "0", "1", "-", "\""][self.below(8)].to_string()
    }

    fn pointer(&mut self) -> String {
        let steps = self.below(4);
        let step = |_| format!("/{}", self.step().replace('~', "~0").replace('/', "~1"));
        (0..steps).map(step).collect()
    }
}

/// The same edits to a tree, written as plainly as they can be.
fn on_tree(document: &mut Value, edit: EditRef<'_>) -> Option<()> {
    match edit {
        Set(at, json) => set_in_tree(document, &steps(at), serde_json::from_str(json).unwrap()),
        Remove(at) => {
            let (last, parents) = steps(at).split_last().map(|(l, p)| (l.clone(), p.to_vec()))?;
            take_from_tree(document, &parents, &last);
            Some(())
        }
        Move(from, to) => {
            let Some(value) = document.pointer(from).cloned() else {
                return Some(());
            };
            if from == to {
                return Some(());
            }
            if steps(to).starts_with(&steps(from)) {
                return None;
            }
            on_tree(document, Remove(from))?;
            set_in_tree(document, &steps(to), value)
        }
    }
}

fn steps(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

fn take_from_tree(document: &mut Value, parents: &[String], last: &str) {
    let pointer: String = parents
        .iter()
        .map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1")))
        .collect();
    match document.pointer_mut(&pointer) {
        Some(Value::Object(members)) => {
            members.remove(last);
        }
        Some(Value::Array(elements)) => {
            if let Some(index) = last.parse::<usize>().ok().filter(|index| *index < elements.len())
            {
                elements.remove(index);
            }
        }
        _ => {}
    }
}

fn set_in_tree(at: &mut Value, steps: &[String], value: Value) -> Option<()> {
    let Some((step, rest)) = steps.split_first() else {
        *at = value;
        return Some(());
    };
    if at.is_null() {
        *at = Value::Object(Map::new());
    }
    match at {
        Value::Object(members) => {
            set_in_tree(members.entry(step.clone()).or_insert(Value::Null), rest, value)
        }
        Value::Array(elements) => {
            let index = if step == "-" { elements.len() } else { step.parse().ok()? };
            if index > elements.len() {
                return None;
            }
            if index == elements.len() {
                elements.push(Value::Null);
            }
            set_in_tree(&mut elements[index], rest, value)
        }
        _ => None,
    }
}

#[test]
fn edits_to_text_are_edits_to_the_tree() {
    let mut dice = Dice(7);
    let mut applied = 0;
    for round in 0..30_000 {
        let mut tree = dice.value(4);
        let text = if dice.below(2) == 0 { tree.to_string() } else { format!("{tree:#}") };
        let (mut from, mut to, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..1 + dice.below(4) {
            from.push(dice.pointer());
            to.push(dice.pointer());
            values.push(dice.value(2).to_string());
        }
        let edits: Vec<_> = (0..from.len())
            .map(|index| match dice.below(4) {
                0 | 1 => Set(&from[index], &values[index]),
                2 => Remove(&from[index]),
                _ => Move(&from[index], &to[index]),
            })
            .collect();
        let expected = edits.iter().try_for_each(|edit| on_tree(&mut tree, *edit));
        match apply(text.as_bytes(), edits.iter().copied()) {
            Ok(after) => {
                let after: Value = serde_json::from_slice(&after)
                    .unwrap_or_else(|error| panic!("{error}: {round} {text} {edits:?}"));
                assert_eq!(expected, Some(()), "{round}: {text} {edits:?} was refused");
                assert_eq!(after, tree, "{round}: {text} {edits:?}");
                applied += 1;
            }
            Err(error) => assert_eq!(expected, None, "{round}: {text} {edits:?}: {error}"),
        }
    }
    assert!(applied > 10_000, "{applied}");
}

#[test]
fn bytes_around_a_value_that_is_set_stay_as_they_are() {
    let mut dice = Dice(11);
    for _ in 0..10_000 {
        let tree = dice.value(4);
        let text = format!(" {tree:#}\n");
        let pointer = dice.pointer();
        let Some(found) = get(text.as_bytes(), &pointer).unwrap() else {
            continue;
        };
        assert_eq!(
            serde_json::from_slice::<Value>(found).unwrap(),
            *tree.pointer(&pointer).unwrap()
        );
        let start = found.as_ptr() as usize - text.as_ptr() as usize;
        let mut expected = text.clone();
        expected.replace_range(start..start + found.len(), "[\"new\"]");
        assert_eq!(edited(&text, &[Set(&pointer, "[\"new\"]")]), expected);
    }
}
