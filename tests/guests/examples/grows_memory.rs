//! Takes memory for as long as there is some.

portcullis_test_guests::provider!(Growing);

#[derive(Default)]
struct Growing;

impl Provider for Growing {
    fn start(_: &Request) -> Result<(Self, Call), Failure> {
        let mut kept = Vec::new();
        loop {
            kept.push(vec![1_u8; 1 << 20]);
        }
    }
}
