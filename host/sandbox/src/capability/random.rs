//! Random numbers from the operating system's generator.

use crate::Fault;
use crate::bindings::portcullis::host::random::Host;
use crate::store::State;
use rand::RngExt as _;

impl<D: Send> Host for State<D> {
    fn bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        self.host_call()?;
        let limit = self.meter.limits.output;
        if count as usize > limit {
            return Err(Fault::Output { limit }.into());
        }
        let mut bytes = vec![0; count as usize];
        rand::rng().fill(bytes.as_mut_slice());
        Ok(bytes)
    }

    fn unit(&mut self) -> wasmtime::Result<f64> {
        self.host_call()?;
        Ok(rand::rng().random())
    }
}
