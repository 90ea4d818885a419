//! Abstains, with a label that it draws by chance, and reads nothing but the model's name.

use guest::portcullis::host::random::unit;

portcullis_test_guests::policy!(Lots);

struct Lots;

impl Policy for Lots {
    fn decide(request: &Request, _: &Candidates) -> Result<Decision, String> {
        let lot = format!("{} {}", request.model(), unit());
        Ok(Decision::Abstain(vec![("lot".to_owned(), lot)]))
    }
}
