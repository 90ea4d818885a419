//! Executes wasm's `unreachable`.

portcullis_test_guests::provider!(Trapping);

#[derive(Default)]
struct Trapping;

impl Provider for Trapping {
    fn start(_: &Request) -> Result<(Self, Call), Failure> {
        trap()
    }
}

#[cfg(target_arch = "wasm32")]
fn trap() -> ! {
    std::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
fn trap() -> ! {
    std::process::abort()
}
