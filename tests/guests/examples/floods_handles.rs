//! Makes exchanges that nobody asked for, and keeps them.

portcullis_test_guests::provider!(Hoarding);

#[derive(Default)]
struct Hoarding;

impl Provider for Hoarding {
    fn start(_: &Request) -> Result<(Self, Call), Failure> {
        let mut kept = Vec::new();
        loop {
            kept.push(Exchange::new(Self));
        }
    }
}
