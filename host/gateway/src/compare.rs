//! What a request would cost at each candidate that can take it, by the prices that are
//! configured. Nobody is asked.

use crate::config::{Candidate, Used};

/// The request.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The operation that a candidate has to have.
    pub operation: String,
    /// The features that it has to have.
    pub needs: Vec<&'static str>,
    /// Whether it may leave the operator's machines.
    pub private: bool,
    /// Tokens of the question.
    pub input: u64,
    /// Tokens of the answer.
    pub output: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Comparison<'a> {
    /// Who can take it at a price that is known, the cheapest first: US dollars of one request.
    pub priced: Vec<(&'a Candidate, f64)>,
    /// Who can take it at a price that nobody knows.
    pub unpriced: Vec<&'a Candidate>,
    /// Who cannot, and why.
    pub removed: Vec<(&'a Candidate, String)>,
}

/// Compares candidates.
pub fn compare<'a>(candidates: &'a [Candidate], asked: &Asked) -> Comparison<'a> {
    let mut comparison = Comparison::default();
    for candidate in candidates {
        match (why_not(candidate, asked), cost(candidate, asked)) {
            (Some(why), _) => comparison.removed.push((candidate, why)),
            (None, Some(cost)) => comparison.priced.push((candidate, cost)),
            (None, None) => comparison.unpriced.push(candidate),
        }
    }
    comparison.priced.sort_by(|(a, one), (b, other)| one.total_cmp(other).then(a.id.cmp(&b.id)));
    comparison
}

/// Of one request, in US dollars. What runs on the operator's machines and has no price costs
/// nothing by the token.
pub fn cost(candidate: &Candidate, asked: &Asked) -> Option<f64> {
    let used = Used { input: asked.input, output: asked.output, ..Used::default() };
    candidate.prices.cost(used).or(candidate.local.then_some(0.0))
}

/// Why a candidate cannot take it. One that says nothing of its features may have them.
fn why_not(candidate: &Candidate, asked: &Asked) -> Option<String> {
    let operations = &candidate.operations;
    if !operations.is_empty() && !operations.contains(&asked.operation) {
        return Some(format!("it does not have the operation {}", asked.operation));
    }
    if asked.private && !candidate.local {
        return Some("it is not local, and the request is private".to_owned());
    }
    let has = |need: &str| candidate.features.iter().any(|feature| feature == need);
    let missing: Vec<&str> = asked.needs.iter().copied().filter(|need| !has(need)).collect();
    if !candidate.features.is_empty() && !missing.is_empty() {
        return Some(format!("it does not have {}", missing.join(", ")));
    }
    let tokens = asked.input.saturating_add(asked.output);
    if let Some(context) = candidate.context_tokens.filter(|most| u64::from(*most) < tokens) {
        return Some(format!("{tokens} tokens do not fit into its {context}"));
    }
    let most = candidate.max_output_tokens.filter(|most| u64::from(*most) < asked.output)?;
    Some(format!("it answers with {most} tokens at most"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Prices, Rates};

    fn candidate(id: &str, prices: Option<(f64, f64)>) -> Candidate {
        let (_, model) = id.split_once('/').unwrap();
        let rates = |(input, output)| Rates {
            input: Some(input),
            output: Some(output),
            ..Rates::default()
        };
        let base = prices.map(rates).unwrap_or_default();
        Candidate {
            id: id.to_owned(),
            tenant: None,
            model: model.to_owned(),
            priority: 1,
            operations: vec!["chat".to_owned()],
            features: Vec::new(),
            tags: Vec::new(),
            local: false,
            context_tokens: None,
            max_output_tokens: None,
            concurrency: None,
            prices: Prices { base, ..Prices::default() },
        }
    }

    fn asked() -> Asked {
        Asked {
            operation: "chat".to_owned(),
            needs: vec!["tools"],
            private: false,
            input: 1_000_000,
            output: 500_000,
        }
    }

    #[test]
    fn candidates_are_sorted_by_what_the_request_costs_there() {
        let local = Candidate { local: true, ..candidate("here/l", None) };
        let all = [
            candidate("p/dear", Some((4.0, 20.0))),
            candidate("p/b", Some((1.0, 2.0))),
            candidate("p/a", Some((1.0, 2.0))),
            candidate("p/unknown", None),
            local,
        ];
        let found = compare(&all, &asked());
        let priced: Vec<_> = found.priced.iter().map(|(it, cost)| (&*it.id, *cost)).collect();
        let expected = [("here/l", 0.0), ("p/a", 2.0), ("p/b", 2.0), ("p/dear", 14.0)];
        assert_eq!(priced, expected);
        assert_eq!(found.unpriced.len(), 1);
        assert!(found.removed.is_empty());
    }

    #[test]
    fn who_cannot_take_it_is_named_with_the_reason() {
        let plain = || candidate("p/m", Some((1.0, 1.0)));
        let with = |features: &[&str]| features.iter().map(|it| (*it).to_owned()).collect();
        let cases = [
            (Candidate { operations: vec!["embeddings".to_owned()], ..plain() }, "operation chat"),
            (Candidate { features: with(&["vision"]), ..plain() }, "it does not have tools"),
            (Candidate { context_tokens: Some(1_499_999), ..plain() }, "1500000 tokens do not fit"),
            (Candidate { max_output_tokens: Some(9), ..plain() }, "with 9 tokens at most"),
        ];
        for (candidate, expected) in cases {
            let all = [candidate];
            let found = compare(&all, &asked());
            assert!(found.priced.is_empty() && found.removed[0].1.contains(expected), "{expected}");
        }
        let fits = [Candidate {
            features: with(&["tools"]),
            context_tokens: Some(1_500_000),
            max_output_tokens: Some(500_000),
            ..plain()
        }];
        assert_eq!(compare(&fits, &asked()).priced.len(), 1);
        let private = Asked { private: true, ..asked() };
        assert!(compare(&fits, &private).removed[0].1.contains("not local"));
    }
}
