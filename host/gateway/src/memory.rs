//! What a plugin answered before, to the same questions.
//!
//! A plugin is a pure function of what it reads: asked the same question first, it gets an
//! answer, and with the same answer it asks the same question next. So its calls make a tree,
//! with questions as forks, answers as branches and results as leaves. A request walks down it
//! by answering the questions itself; at a leaf it has the result that a fresh sandbox would
//! have come to, for a fraction of the price.
//!
//! Nothing is remembered of a call that used anything else of the host (a clock, chance, a log
//! line, a model), that read all that people wrote, or that failed. Where answers hardly ever
//! return, remembering stops by itself; and a plugin that answers at length to everything fills
//! no memory.

mod weight;

use crate::candidate::{Candidate, Choice};
use crate::question::{Answer, Question, Trace};
use crate::request::{Lent, Serving};
use portcullis_sandbox::State;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Sets of candidates whose trees are kept.
const MOST_TREES: usize = 256;
/// Bytes of all trees together, about. Beyond it everything is forgotten, which costs no more
/// than learning it again.
const MOST_BYTES: usize = 4 << 20;
/// Bytes of one result.
const LARGEST: usize = 16 << 10;
/// Answers that may be new at a fork before it is asked whether any ever return.
const PATIENCE: u32 = 64;

/// The candidates of a request, in their order.
type Candidates = Arc<[Arc<Candidate>]>;

/// What can be remembered.
pub trait Weigh: Clone {
    /// Bytes that it holds, about.
    fn weight(&self) -> usize;
}

/// What one version of a plugin answered.
#[derive(Debug)]
pub struct Memory<R> {
    trees: Mutex<Trees<R>>,
    recalled: AtomicU64,
}

#[derive(Debug)]
struct Trees<R> {
    roots: Vec<(Candidates, Node<R>)>,
    bytes: usize,
}

#[derive(Debug)]
enum Node<R> {
    /// Nobody came this far.
    Unknown,
    /// The next question.
    Fork(Box<Fork<R>>),
    /// The result.
    Leaf(R),
    /// From here on every request needs a sandbox.
    Own,
}

#[derive(Debug)]
struct Fork<R> {
    question: Question,
    branches: HashMap<Answer, Node<R>>,
    known: u32,
    new: u32,
}

/// What is remembered for a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Recalled<R> {
    /// The result.
    Known(R),
    /// Nothing yet.
    Unknown,
    /// Nothing, and nothing will be.
    Own,
}

impl<R> Default for Memory<R> {
    fn default() -> Self {
        let trees = Trees { roots: Vec::new(), bytes: 0 };
        Self { trees: Mutex::new(trees), recalled: AtomicU64::new(0) }
    }
}

impl<R: Weigh> Memory<R> {
    /// How often a result was recalled.
    pub fn recalled(&self) -> u64 {
        self.recalled.load(Ordering::Relaxed)
    }

    /// What the plugin would answer, if it is known.
    pub fn recall(&self, lent: &Lent, choice: &Choice) -> Recalled<R> {
        let mut trees = self.lock();
        let Some(mut node) = trees.root(&choice.candidates) else {
            return Recalled::Unknown;
        };
        loop {
            if let Node::Fork(fork) = &*node
                && fork.is_idle()
            {
                *node = Node::Own;
            }
            match node {
                Node::Unknown => return Recalled::Unknown,
                Node::Own => return Recalled::Own,
                Node::Leaf(result) => {
                    self.recalled.fetch_add(1, Ordering::Relaxed);
                    return Recalled::Known(result.clone());
                }
                Node::Fork(fork) => {
                    let Fork { question, branches, known, new } = &mut **fork;
                    let Some(next) = branches.get_mut(&question.ask(lent, choice)) else {
                        *new = new.saturating_add(1);
                        return Recalled::Unknown;
                    };
                    *known = known.saturating_add(1);
                    node = next;
                }
            }
        }
    }

    /// Keeps what the plugin answered in a sandbox, and what it asked on the way; `None` is a
    /// result that only its own sandbox can use.
    pub fn keep(&self, candidates: &Candidates, state: &mut State<Serving>, result: Option<R>) {
        let trace = std::mem::take(&mut state.data.trace);
        // Whatever else it called, the answer may rest on.
        let pure = state.has_called_only(trace.reads());
        let result = result.filter(|result| pure && result.weight() <= LARGEST);
        self.insert(candidates, trace, result);
    }

    fn insert(&self, candidates: &Candidates, trace: Trace, result: Option<R>) {
        let mut trees = self.lock();
        let bytes = trace.weight() + result.as_ref().map_or(0, Weigh::weight);
        trees.bytes += bytes;
        if trees.root(candidates).is_none() {
            trees.roots.push((candidates.clone(), Node::Unknown));
        }
        if trees.bytes > MOST_BYTES || trees.roots.len() > MOST_TREES {
            *trees = Trees { roots: vec![(candidates.clone(), Node::Unknown)], bytes };
        }
        let Some(mut node) = trees.root(candidates) else { return };
        for (question, answer) in trace.known {
            if matches!(node, Node::Unknown) {
                let branches = HashMap::new();
                let (asked, known, new) = (question.clone(), 0, 0);
                *node = Node::Fork(Box::new(Fork { question: asked, branches, known, new }));
            }
            if matches!(node, Node::Fork(fork) if fork.question != question) {
                // It is no function of what it reads after all.
                *node = Node::Own;
            }
            let Node::Fork(fork) = node else { return };
            node = fork.branches.entry(answer).or_insert(Node::Unknown);
        }
        if matches!(node, Node::Unknown) {
            *node = match result.filter(|_| !trace.own) {
                Some(result) => Node::Leaf(result),
                None => Node::Own,
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Trees<R>> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> Fork<R> {
    /// Whether its answers hardly ever return.
    fn is_idle(&self) -> bool {
        self.new > PATIENCE && self.known < self.new
    }
}

impl<R> Trees<R> {
    /// The tree of these candidates: the same ones, in the same order.
    fn root(&mut self, candidates: &Candidates) -> Option<&mut Node<R>> {
        let same = |known: &Candidates| {
            Arc::ptr_eq(known, candidates)
                || (known.len() == candidates.len()
                    && known.iter().zip(candidates.iter()).all(|(a, b)| Arc::ptr_eq(a, b)))
        };
        self.roots.iter_mut().find(|(known, _)| same(known)).map(|(_, root)| root)
    }
}

#[cfg(test)]
mod tests;
