//! A policy that behaves, for programs that change one thing of it.

/// Makes a policy of a type that implements `Policy`, the trait of the same functions with
/// well-behaved defaults that this macro brings with it.
#[macro_export]
macro_rules! policy {
    ($guest:ident) => {
        #[allow(unsafe_code, reason = "generated: the canonical ABI is pointers and lengths")]
        #[allow(dead_code, unused_imports, reason = "each program uses a little of it")]
        #[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
        mod guest {
            wit_bindgen::generate!({
                path: "../../wit",
                world: "policy-plugin",
                generate_all,
            });

            pub use self::exports::portcullis::plugin::policy::{
                Attempt, Candidates, Decision, Description, Guest, Outcome, Plan,
            };
            pub use self::portcullis::plugin::requests::Request;
            pub use self::portcullis::plugin::types::{Failure, FailureKind};

            pub trait Policy {
                /// Whether it is to be told what became of its decisions.
                const WANTS_OUTCOMES: bool = false;

                /// Tries the candidates in the order in which they come.
                fn decide(_: &Request, candidates: &Candidates) -> Result<Decision, String> {
                    Ok(Decision::Route(plan((0..candidates.count()).map(attempt).collect())))
                }

                /// Does nothing with what became of them.
                fn observe(_: Vec<Outcome>) {}
            }

            pub fn attempt(candidate: u32) -> Attempt {
                Attempt {
                    candidate,
                    start_after_ms: 0,
                    timeout_ms: None,
                    retries: 0,
                    extra: Vec::new(),
                }
            }

            pub fn plan(attempts: Vec<Attempt>) -> Plan {
                Plan {
                    attempts,
                    shadow: None,
                    labels: Vec::new(),
                    reason: "a test".to_owned(),
                    extra: Vec::new(),
                }
            }

            struct Component;
            export!(Component);

            impl Guest for Component {
                fn describe() -> Description {
                    let state_schema = String::new();
                    let wants_outcomes = <super::$guest as Policy>::WANTS_OUTCOMES;
                    Description { state_schema, wants_outcomes, extra: Vec::new() }
                }

                fn configure(_: String) -> Result<(), String> {
                    Ok(())
                }

                fn decide(request: Request, candidates: Candidates) -> Result<Decision, String> {
                    <super::$guest as Policy>::decide(&request, &candidates)
                }

                fn observe(outcomes: Vec<Outcome>) {
                    <super::$guest as Policy>::observe(outcomes);
                }
            }
        }
        #[allow(unused_imports, reason = "each program uses a little of it")]
        use guest::*;
    };
}
