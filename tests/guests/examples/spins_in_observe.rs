//! A policy that never comes back from what became of its decisions.
portcullis_test_guests::policy!(Spinning);

struct Spinning;

impl Policy for Spinning {
    const WANTS_OUTCOMES: bool = true;

    fn observe(_: Vec<Outcome>) {
        loop {
            std::hint::spin_loop();
        }
    }
}
