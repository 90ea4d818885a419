//! Brings a credential of its own.

portcullis_test_guests::provider!(Presuming);

#[derive(Default)]
struct Presuming;

impl Provider for Presuming {
    fn start(request: &Request) -> Result<(Self, Call), Failure> {
        let mut call = call(request);
        let value = "Bearer of-my-own".to_owned();
        call.headers.push((request.model(), value));
        Ok((Self, Call::Http(call)))
    }
}
