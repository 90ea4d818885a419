//! Says that it left fields of the request out: two, or, for another model, very many.

portcullis_test_guests::provider!(Choosy);

#[derive(Default)]
struct Choosy;

impl Provider for Choosy {
    fn start(request: &Request) -> Result<(Self, Call), Failure> {
        let names = match request.model().as_str() {
            "two" => r#"["seed", "logprobs"]"#.to_owned(),
            "many" => format!("[{}\"x\"]", "\"some\\r\\nfield\", ".repeat(100_000)),
            _ => "no JSON".to_owned(),
        };
        let mut call = call(request);
        call.extra.push(("dropped".to_owned(), names));
        Ok((Self, Call::Http(call)))
    }
}
