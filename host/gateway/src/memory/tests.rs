//! What is recalled, what is not, and what it takes.

use super::{Candidates, LARGEST, MOST_BYTES, Memory, PATIENCE, Recalled, Weigh};
use crate::candidate::{Candidate, Choice};
use crate::config::{Candidate as Configured, Prices};
use crate::contract::policies::Decision;
use crate::question::{Answer, Question, Trace};
use crate::request::{Lent, Request};
use crate::wire::dialect::Dialect;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn candidates(count: usize) -> Candidates {
    let candidate = |index| {
        Arc::new(Candidate::new(
            Configured {
                id: format!("p/m{index}"),
                tenant: None,
                model: format!("m{index}"),
                priority: 1,
                operations: Vec::new(),
                features: Vec::new(),
                tags: Vec::new(),
                local: false,
                context_tokens: None,
                max_output_tokens: None,
                concurrency: None,
                prices: Prices::default(),
            },
            0,
        ))
    };
    (0..count).map(candidate).collect()
}

fn asked(model: &str, input_tokens: u32, candidates: &Candidates) -> (Lent, Choice) {
    let request = Arc::new(Request {
        asked: model.to_owned(),
        labels: vec![("team".to_owned(), "a".to_owned())],
        input_tokens,
        deadline: Instant::now() + Duration::from_secs(1),
        ..Request::of_test(r#"{"user": "somebody"}"#)
    });
    let lent = Lent {
        request: request.clone(),
        model: model.into(),
        noted: Vec::new(),
        readable: true,
        dialect: Dialect::CANONICAL,
    };
    (lent, Choice { candidates: candidates.clone(), request })
}

fn said(word: &str) -> Decision {
    Decision::Abstain(vec![("said".to_owned(), word.to_owned())])
}

/// What a plugin does that asks these questions and answers with the model's name.
fn answer(memory: &Memory<Decision>, asked: &(Lent, Choice), questions: &[Question]) {
    let mut trace = Trace::default();
    for question in questions {
        trace.note(question.clone(), question.ask(&asked.0, &asked.1));
    }
    memory.insert(&asked.1.candidates, trace, Some(said(asked.0.model())));
}

#[test]
fn the_same_answers_lead_to_the_same_result_and_others_to_none() {
    let (memory, three) = (Memory::default(), candidates(3));
    let questions = [Question::Streaming, Question::Model, Question::Circuit(2)];
    let (one, other) = (asked("one", 1, &three), asked("other", 1, &three));
    assert_eq!(memory.recall(&one.0, &one.1), Recalled::Unknown);
    answer(&memory, &one, &questions);
    assert_eq!(memory.recall(&one.0, &one.1), Recalled::Known(said("one")));
    assert_eq!(memory.recall(&other.0, &other.1), Recalled::Unknown);
    answer(&memory, &other, &questions);
    assert_eq!(memory.recall(&other.0, &other.1), Recalled::Known(said("other")));
    // What was not asked may differ.
    let longer = asked("one", 2, &three);
    assert_eq!(memory.recall(&longer.0, &longer.1), Recalled::Known(said("one")));
    assert_eq!(memory.recalled(), 3);
}

#[test]
fn what_happens_to_a_candidate_is_a_new_answer() {
    let (memory, two) = (Memory::default(), candidates(2));
    let one = asked("one", 1, &two);
    answer(&memory, &one, &[Question::Circuit(1), Question::Exhausted(0)]);
    let recalled = || memory.recall(&one.0, &one.1);
    assert_eq!(recalled(), Recalled::Known(said("one")));
    two[0].signals.note_headroom(Some(0), None, Some(Duration::from_secs(60)));
    assert_eq!(recalled(), Recalled::Unknown);
    two[0].signals.note_headroom(Some(7), None, Some(Duration::from_secs(60)));
    assert_eq!(recalled(), Recalled::Known(said("one")));
    while two[1].circuit.failed(None).is_none() {}
    assert_eq!(recalled(), Recalled::Unknown);
}

#[test]
fn other_candidates_are_another_tree_and_the_same_ones_are_not() {
    let (memory, two) = (Memory::default(), candidates(2));
    let one = asked("one", 1, &two);
    answer(&memory, &one, &[]);
    let others = asked("one", 1, &candidates(2));
    assert_eq!(memory.recall(&others.0, &others.1), Recalled::Unknown);
    let listed_anew = asked("one", 1, &two.iter().cloned().collect());
    assert_eq!(memory.recall(&listed_anew.0, &listed_anew.1), Recalled::Known(said("one")));
    let fewer = asked("one", 1, &two[..1].iter().cloned().collect());
    assert_eq!(memory.recall(&fewer.0, &fewer.1), Recalled::Unknown);
}

#[test]
fn what_only_this_request_knows_is_not_kept() {
    let (memory, none) = (Memory::default(), candidates(0));
    let one = asked("one", 1, &none);
    let mut trace = Trace::default();
    trace.note(Question::Model, "one");
    trace.note_own();
    trace.note(Question::Streaming, false);
    memory.insert(&none, trace, Some(said("one")));
    assert_eq!(memory.recall(&one.0, &one.1), Recalled::Own);
    // Another model may not lead there.
    let other = asked("other", 1, &none);
    assert_eq!(memory.recall(&other.0, &other.1), Recalled::Unknown);
    let mut trace = Trace::default();
    trace.note(Question::Model, "other");
    trace.note(Question::Get("/text".to_owned(), u32::MAX), "x".repeat(10_000).as_str());
    memory.insert(&none, trace, Some(said("other")));
    assert_eq!(memory.recall(&other.0, &other.1), Recalled::Own);
}

#[test]
fn answers_that_never_return_are_given_up() {
    let (memory, none) = (Memory::default(), candidates(0));
    for tokens in 0..=PATIENCE {
        let asked = asked("one", tokens, &none);
        assert_eq!(memory.recall(&asked.0, &asked.1), Recalled::Unknown);
        answer(&memory, &asked, &[Question::Model, Question::InputTokenEstimate]);
    }
    let asked = asked("one", PATIENCE + 1, &none);
    // The first of them found nothing at all, so one more is new.
    assert_eq!(memory.recall(&asked.0, &asked.1), Recalled::Unknown);
    assert_eq!(memory.recall(&asked.0, &asked.1), Recalled::Own);
}

#[test]
fn a_plugin_that_asks_otherwise_after_the_same_answers_is_not_remembered() {
    let (memory, none) = (Memory::default(), candidates(0));
    let one = asked("one", 1, &none);
    answer(&memory, &one, &[Question::Model, Question::Streaming]);
    answer(&memory, &one, &[Question::Model, Question::Tenant]);
    assert_eq!(memory.recall(&one.0, &one.1), Recalled::Own);
}

#[test]
fn talking_at_length_fills_no_memory() {
    let (memory, none) = (Memory::default(), candidates(0));
    let label = |index: u32| Question::Label(format!("{index:>1000}"));
    let trace = || {
        let mut trace = Trace::default();
        (0..1_000).for_each(|index| trace.note(label(index), Answer::None));
        trace
    };
    let mut whole = 0;
    for index in 0..20_u32 {
        let mut trace = trace();
        trace.note(Question::InputTokenEstimate, index);
        whole += trace.weight();
        memory.insert(&none, trace, Some(said("one")));
    }
    assert!(whole > 4 * MOST_BYTES);
    assert!(memory.lock().bytes <= MOST_BYTES);
    assert!(said(&"x".repeat(LARGEST)).weight() > LARGEST);
}
