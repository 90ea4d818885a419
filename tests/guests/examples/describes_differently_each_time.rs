//! Draws what it says of itself.
use guest::portcullis::host::random::unit;

portcullis_test_guests::provider!(Moody);

#[derive(Default)]
struct Moody;

impl Provider for Moody {
    fn describe() -> Description {
        let mood = ("mood".to_owned(), unit().to_string());
        Description { extra: vec![mood], ..description() }
    }
}
