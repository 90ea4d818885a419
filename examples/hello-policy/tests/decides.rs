//! Where requests of either length go.

use hello_policy::Hello;
use portcullis_sdk::policy::{Candidate, Candidates, Decision, Policy};
use portcullis_sdk::{Recording, Request};

fn check(input_token_estimate: u32, order: &[u32]) {
    let priced = |id, cost| Candidate { estimated_cost: cost, ..Candidate::new(id) };
    let candidates = [priced("a/x", None), priced("b/x", Some(0.2)), priced("c/x", Some(0.1))];
    let candidates = Candidates::from(candidates.to_vec());
    let request = Request::from(Recording { input_token_estimate, ..Recording::default() });
    let tried = match Hello::default().decide(&request, &candidates) {
        Ok(Decision::Route(plan)) => plan.attempts,
        _ => Vec::new(),
    };
    let tried: Vec<u32> = tried.iter().map(|attempt| attempt.candidate).collect();
    assert_eq!(tried, order);
}

#[test]
fn short_requests_go_where_they_are_cheap() {
    check(199, &[2, 1, 0]);
    check(200, &[0, 1, 2]);
}
