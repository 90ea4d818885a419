//! A small one: what it has to show at any size.

use super::{Assumptions, run};

const SMALL: Assumptions = Assumptions {
    replicas: 20,
    rate: 4_000.0,
    skew: 0.0,
    killed: 0,
    budget: 20_000,
    takes: 200,
    round_trip: 5,
};

#[test]
fn many_replicas_spend_all_of_a_budget_and_nothing_more() {
    for skew in [0.0, 1.0] {
        let outcome = run(&Assumptions { skew, ..SMALL });
        assert_eq!(outcome.overshoot, 0, "{outcome:?}");
        assert!((0.0..1.0).contains(&outcome.left), "{outcome:?}");
        assert!(outcome.with_the_dead == 0.0, "{outcome:?}");
        let end = outcome.stages.last().unwrap();
        assert!(end.stranded.abs() < 1e-9 && end.count.unavailable == 0, "{outcome:?}");
    }
}

#[test]
fn what_the_dead_held_stays_held_and_all_else_is_spent() {
    let outcome = run(&Assumptions { killed: 2, ..SMALL });
    assert_eq!(outcome.overshoot, 0, "{outcome:?}");
    assert!((0.0..1.0).contains(&outcome.left), "{outcome:?}");
    assert!(outcome.with_the_dead > 0.0 && outcome.with_the_dead < 0.1, "{outcome:?}");
}
