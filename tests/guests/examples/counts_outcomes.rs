//! A policy that counts what became of its decisions, by all that it is told of them.
use guest::portcullis::host::metrics::count;

portcullis_test_guests::policy!(Counting);

struct Counting;

impl Policy for Counting {
    const WANTS_OUTCOMES: bool = true;

    fn decide(request: &Request, candidates: &Candidates) -> Result<Decision, String> {
        let mut plan = plan((0..candidates.count()).map(attempt).collect());
        plan.labels.push(("arm".to_owned(), "a".to_owned()));
        if request.label("note").is_some() {
            return Ok(Decision::Abstain(plan.labels));
        }
        Ok(Decision::Route(plan))
    }

    fn observe(outcomes: Vec<Outcome>) {
        count("batches", 1);
        for outcome in outcomes {
            let what = match (&outcome.failure, outcome.rating) {
                (Some(failure), _) => format!("{:?}", failure.kind),
                (None, Some(rating)) => format!("rated {rating}"),
                (None, None) => "answered".to_owned(),
            };
            let tokens = outcome.usage.and_then(|usage| usage.output_tokens).is_some();
            let labels = outcome.labels.iter().map(|(name, value)| format!("{name}={value}"));
            let labels = labels.collect::<Vec<_>>().join(",");
            count(&format!("{} {what} tokens={tokens} {labels}", outcome.candidate), 1);
        }
    }
}
