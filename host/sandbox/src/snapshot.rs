//! A component as it is after `configure`, so that no request pays for that again.
//!
//! wasmtime's wizer adds exports to a component through which the memories and globals of an
//! instance can be read, and writes them back as the initial state of a new component. It
//! refuses components that hold others with code of their own (those of interpreted languages
//! do): these are configured in each sandbox instead.

use crate::store::State;
use wasmtime::Store;
use wasmtime::component::{Instance, Lift, WasmList};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

/// Changes whenever snapshots made earlier must not be used any more.
pub(crate) const VERSION: &[u8] = b"wizer-48-1";

/// The component with exports to read its state by, or wizer's word why it cannot have them.
pub(crate) fn instrument(component: &[u8]) -> Result<Instrumented<'_>, String> {
    let (context, bytes) =
        Wizer::new().instrument_component(component).map_err(|error| format!("{error:#}"))?;
    Ok(Instrumented { context, bytes })
}

pub(crate) struct Instrumented<'a> {
    context: wasmtime_wizer::ComponentContext<'a>,
    pub(crate) bytes: Vec<u8>,
}

impl Instrumented<'_> {
    /// The component whose fresh instances are what `instance` is now.
    pub(crate) async fn take<D: Send + 'static>(
        &self,
        store: &mut Store<State<D>>,
        instance: Instance,
    ) -> Result<Vec<u8>, String> {
        let mut reader = Reader { store, instance, failed: None };
        let taken = Wizer::new().snapshot_component(&self.context, &mut reader).await;
        match reader.failed {
            Some(error) => Err(format!("{error:#}")),
            None => taken.map_err(|error| format!("{error:#}")),
        }
    }
}

/// Reads an instance through the exports that wizer added.
///
/// Its trait has no errors, so the first is kept here and everything after it reads as zero;
/// what was built from that is thrown away.
struct Reader<'a, D: 'static> {
    store: &'a mut Store<State<D>>,
    instance: Instance,
    failed: Option<wasmtime::Error>,
}

impl<D: Send + 'static> Reader<'_, D> {
    async fn call<R: Lift + 'static>(&mut self, interface: &str, function: &str) -> Option<R> {
        if self.failed.is_some() {
            return None;
        }
        match self.try_call(interface, function).await {
            Ok(value) => Some(value),
            Err(error) => {
                self.failed = Some(error);
                None
            }
        }
    }

    async fn try_call<R: Lift + 'static>(
        &mut self,
        interface: &str,
        function: &str,
    ) -> wasmtime::Result<R> {
        let missing = || wasmtime::format_err!("wizer's export {interface}#{function} is missing");
        let (_, outer) =
            self.instance.get_export(&mut *self.store, None, interface).ok_or_else(missing)?;
        let (_, index) = self
            .instance
            .get_export(&mut *self.store, Some(&outer), function)
            .ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (R,)>(&mut *self.store, index)?;
        Ok(function.call_async(&mut *self.store, ()).await?.0)
    }
}

impl<D: Send + 'static> ComponentInstanceState for Reader<'_, D> {
    async fn call_func_ret_list_u8(
        &mut self,
        interface: &str,
        function: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        if let Some(list) = self.call::<WasmList<u8>>(interface, function).await {
            contents(list.as_le_slice(&*self.store));
        }
    }

    async fn call_func_ret_s32(&mut self, interface: &str, function: &str) -> i32 {
        self.call(interface, function).await.unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, interface: &str, function: &str) -> i64 {
        self.call(interface, function).await.unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, interface: &str, function: &str) -> u32 {
        self.call::<f32>(interface, function).await.unwrap_or_default().to_bits()
    }

    async fn call_func_ret_f64(&mut self, interface: &str, function: &str) -> u64 {
        self.call::<f64>(interface, function).await.unwrap_or_default().to_bits()
    }
}
