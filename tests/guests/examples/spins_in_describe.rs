//! Never answers what it is.
use std::hint::spin_loop;

portcullis_test_guests::provider!(Mute);

#[derive(Default)]
struct Mute;

impl Provider for Mute {
    fn describe() -> Description {
        loop {
            spin_loop();
        }
    }
}
