//! A document while it is edited: its text, and what is to be put where.
//!
//! Replacements are collected against one text and written in one pass. An edit that means
//! something which an earlier one has put there, or that would share a comma with it, cannot
//! be placed in that text: then what has been collected is written first (`settle`). Two
//! fields set at the top of a body, which is nearly every request, never come to that.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use super::EditError;
use super::pointer::Pointer;
use super::scan::{self, Child};

/// A text under edit.
pub(super) struct Draft<'a> {
    text: Cow<'a, [u8]>,
    replacements: Vec<Replacement>,
    /// Objects and arrays, by where they begin, whose members the replacements change. There
    /// are one or two of them, so they are in no map.
    touched: Vec<(usize, Touched)>,
    /// The members of the document itself: every edit begins with them.
    top: Option<Parent>,
}

#[derive(Debug)]
struct Replacement {
    span: Range<usize>,
    with: Vec<u8>,
}

/// What the replacements do to one object or array.
#[derive(Debug, PartialEq, Eq)]
enum Touched {
    /// A member of this name is added to an object that is not empty. Others may follow.
    Added(String),
    /// Anything that moves elements or commas.
    Otherwise,
}

/// Where the steps of a pointer lead.
enum Place {
    /// To these values: one, or all those of a repeated key, the last one last.
    Here { spans: Vec<Range<usize>>, parent: Option<Parent>, picked: Vec<usize> },
    /// Up to here: the object or array has nothing under this step.
    Ends { parent: Parent, step: usize },
    /// Up to here: this value has nothing inside it.
    Blocked { span: Range<usize>, step: usize },
}

/// An object or array and what is in it, as the text shows it.
#[derive(Clone)]
struct Parent {
    at: usize,
    children: Rc<[Child]>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(text: &'a [u8]) -> Draft<'a> {
        Draft {
            text: Cow::Borrowed(text),
            replacements: Vec::new(),
            touched: Vec::new(),
            top: None,
        }
    }

    /// The document with everything in its place.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.settle();
        self.text.into_owned()
    }

    /// The span of what is at the pointer, in the text as it was given: for a draft without
    /// edits.
    pub(super) fn find(
        &mut self,
        pointer: &Pointer<'_>,
    ) -> Result<Option<Range<usize>>, EditError> {
        match self.place(pointer)? {
            Place::Here { mut spans, .. } => Ok(spans.pop()),
            _ => Ok(None),
        }
    }

    pub(super) fn set(&mut self, pointer: &Pointer<'_>, json: &[u8]) -> Result<(), EditError> {
        let wrong = |why| Err(EditError::NoPlace { pointer: pointer.shown(), why });
        match self.place(pointer)? {
            Place::Here { spans, .. } => {
                for span in spans {
                    self.replace(span, json.to_vec());
                }
            }
            Place::Ends { parent, step } => {
                let in_object = self.text[parent.at] == b'{';
                let name = &pointer.steps[step];
                if !in_object && name != "-" && *name != parent.children.len().to_string() {
                    return wrong("the array has no such element");
                }
                let value = wrapped(&pointer.steps[step + 1..], json);
                self.add(&parent, in_object.then_some(name.as_ref()), &value);
            }
            // A client that has nothing to say about a field often says `null`.
            Place::Blocked { span, step } if self.text[span.clone()] == *b"null" => {
                self.replace(span, wrapped(&pointer.steps[step..], json));
            }
            Place::Blocked { .. } => {
                return wrong("a text, a number or a boolean has nothing inside it");
            }
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, pointer: &Pointer<'_>) -> Result<(), EditError> {
        if pointer.steps.is_empty() {
            return Err(EditError::Everything);
        }
        if let Place::Here { parent: Some(parent), picked, .. } = self.place(pointer)? {
            if self.touched_at(parent.at).next().is_some() {
                self.settle();
                return self.remove(pointer);
            }
            for span in removals(&parent.children, &picked) {
                self.replace(span, Vec::new());
            }
            self.touched.push((parent.at, Touched::Otherwise));
        }
        Ok(())
    }

    /// Moves what is at `from` to `to`.
    pub(super) fn shift(&mut self, from: &Pointer<'_>, to: &Pointer<'_>) -> Result<(), EditError> {
        let Some(span) = self.find(from)? else {
            return Ok(());
        };
        if from == to {
            return Ok(());
        }
        if to.is_within(from) {
            return Err(EditError::IntoItself { pointer: from.shown() });
        }
        let json = self.text[span].to_vec();
        self.remove(from)?;
        self.set(to, &json)
    }

    /// Follows the pointer through the text. Where that leads through something which the
    /// replacements change, they are written first, so that what is found is what is there.
    fn place(&mut self, pointer: &Pointer<'_>) -> Result<Place, EditError> {
        match self.follow(pointer)? {
            Some(place) => Ok(place),
            None => {
                self.settle();
                // Nothing is pending now, so nothing can be stale.
                self.follow(pointer)?.ok_or(EditError::Malformed { near: 0 })
            }
        }
    }

    fn follow(&mut self, pointer: &Pointer<'_>) -> Result<Option<Place>, EditError> {
        let mut spans = vec![scan::document(&self.text)?];
        let (mut parent, mut picked) = (None, Vec::new());
        for (step, name) in pointer.steps.iter().enumerate() {
            let Some(span) = spans.last().cloned() else {
                return Ok(None);
            };
            if !matches!(self.text[span.start], b'{' | b'[') {
                let stale = self.is_replaced(&span);
                return Ok((!stale).then_some(Place::Blocked { span, step }));
            }
            if self.is_stale(span.start, name) {
                return Ok(None);
            }
            let here = self.parent(span.start, step)?;
            picked = matching(&self.text, &here, name);
            if picked.is_empty() {
                let stale = self.is_replaced(&span);
                return Ok((!stale).then_some(Place::Ends { parent: here, step }));
            }
            spans = picked.iter().map(|&index| here.children[index].value.clone()).collect();
            parent = Some(here);
        }
        let stale = spans.iter().any(|span| self.overlaps(span));
        Ok((!stale).then_some(Place::Here { spans, parent, picked }))
    }

    fn parent(&mut self, at: usize, step: usize) -> Result<Parent, EditError> {
        if let (0, Some(top)) = (step, &self.top) {
            return Ok(top.clone());
        }
        let parent = Parent { at, children: scan::children(&self.text, at)?.into() };
        if step == 0 {
            self.top = Some(parent.clone());
        }
        Ok(parent)
    }

    /// Whether the members of this object or array are no longer those that the text shows,
    /// as far as `name` is concerned.
    fn is_stale(&self, at: usize, name: &str) -> bool {
        self.touched_at(at).any(|touched| match touched {
            Touched::Added(added) => added == name,
            Touched::Otherwise => true,
        })
    }

    fn touched_at(&self, at: usize) -> impl Iterator<Item = &Touched> {
        self.touched.iter().filter(move |(of, _)| *of == at).map(|(_, touched)| touched)
    }

    /// Whether a replacement takes this value's place.
    fn is_replaced(&self, value: &Range<usize>) -> bool {
        let covers = |span: &Range<usize>| span.start <= value.start && value.end <= span.end;
        self.replacements.iter().any(|replacement| covers(&replacement.span))
    }

    fn overlaps(&self, span: &Range<usize>) -> bool {
        let meets = |other: &Range<usize>| other.start < span.end && span.start < other.end;
        self.replacements.iter().any(|replacement| meets(&replacement.span))
    }

    fn replace(&mut self, span: Range<usize>, with: Vec<u8>) {
        self.replacements.push(Replacement { span, with });
    }

    /// Adds a value behind the last one of an object, under a name, or of an array.
    fn add(&mut self, parent: &Parent, name: Option<&str>, json: &[u8]) {
        let last = parent.children.last().map(|child| child.value.end);
        let mut with = Vec::with_capacity(json.len() + name.map_or(1, |name| name.len() + 4));
        if last.is_some() {
            with.push(b',');
        }
        if let Some(name) = name {
            with.extend_from_slice(&quoted(name));
            with.push(b':');
        }
        with.extend_from_slice(json);
        let at = last.unwrap_or(parent.at + 1);
        self.replace(at..at, with);
        let more = match name {
            Some(name) if last.is_some() => Touched::Added(name.to_string()),
            _ => Touched::Otherwise,
        };
        self.touched.push((parent.at, more));
    }

    /// Writes what has been collected.
    fn settle(&mut self) {
        self.touched.clear();
        self.top = None;
        if self.replacements.is_empty() {
            return;
        }
        // Stable, so that what is added at one place stays in the order of the edits.
        self.replacements.sort_by_key(|replacement| replacement.span.start);
        let more: usize = self.replacements.iter().map(|replacement| replacement.with.len()).sum();
        let mut text = Vec::with_capacity(self.text.len() + more);
        let mut at = 0;
        for Replacement { span, with } in self.replacements.drain(..) {
            text.extend_from_slice(&self.text[at..span.start]);
            text.extend_from_slice(&with);
            at = span.end;
        }
        text.extend_from_slice(&self.text[at..]);
        self.text = Cow::Owned(text);
    }
}

/// Which of the children a step means.
fn matching(text: &[u8], parent: &Parent, name: &str) -> Vec<usize> {
    let children = &parent.children;
    if text[parent.at] == b'{' {
        let named = children.iter().enumerate().filter(|(_, child)| child.is_called(text, name));
        return named.map(|(index, _)| index).collect();
    }
    // RFC 6901 section 4: digits, without leading zeros.
    let digits = name.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (name == "0" || !name.starts_with('0'));
    let index = name.parse::<usize>().ok().filter(|index| plain && *index < children.len());
    index.into_iter().collect()
}

/// The spans without which the picked children are gone, with one comma each.
fn removals(children: &[Child], picked: &[usize]) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for run in picked.chunk_by(|before, after| before + 1 == *after) {
        let (Some(&first), Some(&last)) = (run.first(), run.last()) else {
            continue;
        };
        spans.push(match (first.checked_sub(1), children.get(last + 1)) {
            (Some(before), _) => children[before].value.end..children[last].value.end,
            (None, Some(after)) => children[first].start()..after.start(),
            (None, None) => children[first].start()..children[last].value.end,
        });
    }
    spans
}

/// The value inside the objects that the steps before it name.
fn wrapped(steps: &[Cow<'_, str>], json: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for step in steps {
        text.push(b'{');
        text.extend_from_slice(&quoted(step));
        text.push(b':');
    }
    text.extend_from_slice(json);
    text.resize(text.len() + steps.len(), b'}');
    text
}

fn quoted(name: &str) -> Vec<u8> {
    // Writing a string as JSON cannot fail; a name is a string.
    serde_json::to_vec(name).unwrap_or_default()
}
