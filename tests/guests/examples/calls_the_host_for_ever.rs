//! Asks for the cheapest thing there is, for ever: it is never long inside the guest.

portcullis_test_guests::provider!(Asking);

#[derive(Default)]
struct Asking;

impl Provider for Asking {
    fn start(request: &Request) -> Result<(Self, Call), Failure> {
        loop {
            request.body_size();
        }
    }
}
