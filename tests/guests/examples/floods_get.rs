//! Reads the same member of the body again and again: each time the host searches it anew.

portcullis_test_guests::provider!(Reading);

#[derive(Default)]
struct Reading;

impl Provider for Reading {
    fn start(request: &Request) -> Result<(Self, Call), Failure> {
        loop {
            request.get("/messages/0/content", u32::MAX);
        }
    }
}
