//! Never has enough of its upstream.

portcullis_test_guests::provider!(Insatiable);

#[derive(Default)]
struct Insatiable;

impl Provider for Insatiable {
    const PASSTHROUGH: bool = false;

    fn frames(&self, _: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        Ok(Vec::new())
    }

    fn end(&self) -> Result<Ending, Failure> {
        let model = JsonEdit::Set(("/model".to_owned(), "\"echo-again\"".to_owned()));
        Ok(Ending::Again(Call::Http(HttpCall {
            method: "POST".to_owned(),
            path_and_query: "/chat/completions".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Body::Edited(vec![model]),
            framing: Framing::Whole,
            passthrough: false,
            extra: Vec::new(),
        })))
    }
}
